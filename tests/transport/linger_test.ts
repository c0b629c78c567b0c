/**
 * Closing loses nothing that was written, and ends within its limits.
 *
 * @module
 */
import {
  connect,
  connectWebSocket,
  listen,
  readExactly,
  type SocketConnection,
  TransportError,
  upgradeWebSocket,
  type WebSocketConnection,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { LINGER_TIME } from "../../lib/support/linger.ts";
import { readAll } from "./tls/tls_pair.ts";
import { authority, server as certificate } from "./tls/certificates.ts";

const MEBIBYTE = 1024 * 1024;
const path = await Deno.makeTempFile();
await Deno.remove(path);

type Body = (
  closing: SocketConnection,
  peer: SocketConnection,
) => Promise<void>;

function over(
  address: Parameters<typeof listen>[0],
  end: "client" | "server",
): (body: Body) => Promise<void> {
  return async (body) => {
    await using listener = await listen(address);
    const tls = { caCerts: [authority.cert] };
    const secure = typeof address === "object" && "tls" in address;
    const [server, client] = await Promise.all([
      listener.accept(),
      connect(listener.addr, secure ? { tls } : {}),
    ]);
    if (end === "server") await body(server, client);
    else await body(client, server);
    for (const connection of [client, server]) {
      connection.close();
      connection.close();
    }
  };
}

function overWebSocket(end: "client" | "server") {
  return async (body: Body) => {
    const { promise, resolve } = Promise.withResolvers<WebSocketConnection>();
    await using http = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => {
        const { connection, response } = upgradeWebSocket(request);
        resolve(connection);
        return response;
      },
    );
    const client = await connectWebSocket(`ws://127.0.0.1:${http.addr.port}/`);
    const server = await promise;
    if (end === "server") await body(server, client);
    else await body(client, server);
    for (const connection of [client, server]) {
      connection.close();
      connection.close();
      await connection.finished;
    }
  };
}

const transports: Record<string, (body: Body) => Promise<void>> = {};
for (const end of ["client", "server"] as const) {
  Object.assign(transports, {
    [`a TCP ${end}`]: over({ port: 0 }, end),
    [`a TLS ${end}`]: over({ port: 0, tls: certificate }, end),
    [`a Unix ${end}`]: over({ path: `${path}_${end}` }, end),
    [`a memory ${end}`]: over({ memory: `linger-${end}` }, end),
    [`a WebSocket ${end}`]: overWebSocket(end),
  });
}

/**
 * Holds the timers of lingering sockets, so that a busy machine has time to
 * read. At the end, they fire at once, and later ones in time.
 */
function holdLingering(): Disposable & { readonly end: () => void } {
  const { setTimeout, clearTimeout } = globalThis;
  type Timer = ReturnType<typeof setTimeout>;
  const held = new Map<Timer, () => void>();
  Object.assign(globalThis, {
    setTimeout(run: () => void, ms?: number) {
      const isHeld = ms === LINGER_TIME;
      const timer = setTimeout(run, isHeld ? 2 ** 30 : ms);
      if (isHeld) held.set(timer, run);
      return timer;
    },
    clearTimeout(timer?: Timer) {
      if (timer !== undefined) held.delete(timer);
      clearTimeout(timer);
    },
  });
  function end() {
    Object.assign(globalThis, { setTimeout, clearTimeout });
    for (const [timer, run] of held) {
      clearTimeout(timer);
      run();
    }
    held.clear();
  }
  return { end, [Symbol.dispose]: end };
}

/** Reads slowly, so that most bytes are unread when the other end closes. */
async function readSlowly(connection: SocketConnection): Promise<number> {
  const buffer = new Uint8Array(32 * 1024);
  for (let total = 0;;) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    const count = await connection.read(buffer);
    if (count === null) return total;
    total += count;
  }
}

/** Writes a few bytes at a time, until the connection has ended. */
async function keepSending(connection: SocketConnection): Promise<void> {
  for (;;) {
    await writeAll(connection, new Uint8Array(100));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Some ends linger for a second, so all of them do so at once. */
Deno.test("close() delivers what was written while the peer keeps sending", async () => {
  using lingering = holdLingering();
  const all = Object.entries(transports);
  const haveRead = all.map(() => Promise.withResolvers<void>());
  Promise.all(haveRead.map(({ promise }) => promise)).then(lingering.end);
  await Promise.all(
    all.map(([name, withPair], index) =>
      withPair(async (closing, peer) => {
        const sending = keepSending(peer).catch(({ code }) => code);
        const reading = readSlowly(peer);
        await writeAll(closing, new Uint8Array(MEBIBYTE));
        closing.close();
        assertEquals(await reading, MEBIBYTE, name);
        haveRead[index]!.resolve();
        assertEquals(await sending, "reset", name);
      })
    ),
  );
});

for (const [name, withPair] of Object.entries(transports)) {
  Deno.test(`close() of ${name} delivers what was written despite unread input`, () =>
    withPair(async (closing, peer) => {
      using _ = holdLingering();
      await writeAll(peer, new Uint8Array(1_000));
      const reading = readSlowly(peer);
      await writeAll(closing, new Uint8Array(MEBIBYTE));
      closing.close();
      assertEquals(await reading, MEBIBYTE);
    }));

  Deno.test(`asyncDispose of ${name} waits until the peer has ended its stream`, () =>
    withPair(async (closing, peer) => {
      await writeAll(closing, new Uint8Array(10));
      const disposed = closing[Symbol.asyncDispose]();
      assertEquals((await readAll(peer)).length, 10);
      peer.close();
      await disposed;
      await peer[Symbol.asyncDispose]();
    }));

  Deno.test(`a second close() of ${name} releases the socket at once`, () =>
    withPair(async (closing, peer) => {
      await writeAll(closing, new Uint8Array(10));
      closing.close();
      closing.close();
      await closing[Symbol.asyncDispose]();
      const error = await assertRejects(() => keepSending(peer));
      assert(error instanceof TransportError);
      // A TLS peer misses the close_notify.
      assert(["reset", "truncated"].includes(error.code), error.code);
    }));
}

/** Returns a connected pair whose client is a bare socket. */
async function withBarePeer(
  body: (server: SocketConnection, client: Deno.Conn) => Promise<void>,
) {
  await using listener = await listen({ port: 0 });
  using client = await Deno.connect({ port: listener.addr.port ?? 0 });
  await using server = await listener.accept();
  await body(server, client);
}

Deno.test("close() rejects a pending read, and then leaves its buffer alone", () =>
  withBarePeer(async (server, client) => {
    await writeAll(server, new Uint8Array(10));
    const buffer = new Uint8Array(8);
    let atRejection = new Uint8Array(0);
    const reading = assertRejects(
      () => server.read(buffer).finally(() => atRejection = buffer.slice()),
      TransportError,
    );
    server.close();
    await client.write(new Uint8Array(8).fill(7));
    const { code } = await reading;
    await client.write(new Uint8Array(8).fill(9));
    await client.closeWrite();
    await server[Symbol.asyncDispose]();
    assertEquals(code, "closed");
    assertEquals(buffer, atRejection);
  }));

Deno.test("close() gives up after 256 KiB of input", () =>
  withBarePeer(async (server, client) => {
    await writeAll(server, new Uint8Array(10));
    server.close();
    let sent = 0;
    const error = await assertRejects(async () => {
      for (;;) {
        sent += await client.write(new Uint8Array(1024));
        if (sent > 64 * MEBIBYTE) throw new Error("it accepts everything");
      }
    });
    assert(!String(error).includes("it accepts"), String(error));
    assert(sent >= 256 * 1024, `${sent}`);
  }));

Deno.test("close() gives up after a second of silence", () =>
  withBarePeer(async (server, client) => {
    await writeAll(server, new Uint8Array(10));
    await server[Symbol.asyncDispose](); // the peer never ends its stream
    assertEquals(await client.read(new Uint8Array(20)), 10);
    assertEquals(await client.read(new Uint8Array(20)), null);
  }));

Deno.test("close() of a socket that wrote nothing releases it at once", async () => {
  let released = 0;
  await using listener = await listen({ port: 0 });
  using _client = await Deno.connect({ port: listener.addr.port ?? 0 });
  const server = await listener.accept();
  server.close();
  released = listener.connections;
  assertEquals(released, 0);
});

Deno.test("close() of a socket whose peer has ended releases it at once", async () => {
  await using listener = await listen({ port: 0 });
  using client = await Deno.connect({ port: listener.addr.port ?? 0 });
  const server = await listener.accept();
  await writeAll(server, new Uint8Array(10));
  await client.closeWrite();
  assertEquals(await server.read(new Uint8Array(10)), null);
  server.close();
  assertEquals(listener.connections, 0);
});

Deno.test("a lingering socket counts under the listener's limit", async () => {
  await using listener = await listen({ port: 0 }, { maxConnections: 1 });
  const { port = 0 } = listener.addr;
  using first = await Deno.connect({ port });
  const server = await listener.accept();
  await writeAll(server, new Uint8Array(10));
  server.close();
  assertEquals(listener.connections, 1);
  using _second = await Deno.connect({ port });
  let accepted = false;
  const accepting = listener.accept().then((connection) => {
    accepted = true;
    return connection;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!accepted);
  await first.closeWrite();
  (await accepting).close();
});

Deno.test("asyncDispose of a listener waits for lingering sockets", async () => {
  const listener = await listen({ port: 0 });
  using client = await Deno.connect({ port: listener.addr.port ?? 0 });
  const server = await listener.accept();
  await writeAll(server, new Uint8Array(10));
  server.close();
  let disposed = false;
  const disposing = listener[Symbol.asyncDispose]().then(() => disposed = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!disposed);
  await client.closeWrite();
  await disposing;
  assertEquals(listener.connections, 0);
});

Deno.test("an aborted writeAll() or readExactly() releases the socket at once", async () => {
  for (const transfer of [writeAll, readExactly]) {
    await using listener = await listen({ port: 0 });
    using _client = await Deno.connect({ port: listener.addr.port ?? 0 });
    const server = await listener.accept();
    await writeAll(server, new Uint8Array(10));
    const abort = new AbortController();
    const pending = assertRejects(() =>
      transfer(server, new Uint8Array(64 * MEBIBYTE), { signal: abort.signal })
    );
    abort.abort(new Error("enough"));
    assertEquals(listener.connections, 0);
    await pending;
  }
});

Deno.test("leaving the scope of a closed connection keeps what was written", () =>
  withBarePeer(async (server, client) => {
    using _ = holdLingering();
    await client.write(new Uint8Array(1_000));
    {
      using connection = server;
      await writeAll(connection, new Uint8Array(MEBIBYTE));
      connection.close();
    }
    let got = 0;
    const buffer = new Uint8Array(32 * 1024);
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      const count = await client.read(buffer);
      if (count === null) break;
      got += count;
    }
    assertEquals(got, MEBIBYTE);
  }));

/** Opens WebSockets that answer neither pings nor the closing handshake. */
async function openSilently(port: number): Promise<Deno.Conn> {
  const client = await Deno.connect({ port });
  const request = `GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
    `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  await client.write(new TextEncoder().encode(request));
  return client;
}

Deno.test("close() releases a WebSocket whose client never answers", async () => {
  const { promise, resolve } = Promise.withResolvers<WebSocketConnection>();
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => {
      const { connection, response } = upgradeWebSocket(request);
      resolve(connection);
      return response;
    },
  );
  using client = await openSilently(http.addr.port);
  const server = await promise;
  await writeAll(server, new Uint8Array(3));
  server.close();
  await server.finished; // without the release, this never resolves
  const buffer = new Uint8Array(1_024);
  while (await client.read(buffer) !== null);
});

Deno.test("close() releases a WebSocket whose server never answers", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connecting = connectWebSocket(`ws://127.0.0.1:${listener.addr.port}/`, {
    flowControl: false,
  });
  using server = await listener.accept();
  const buffer = new Uint8Array(4_096);
  const count = await server.read(buffer) ?? 0;
  const request = new TextDecoder().decode(buffer.subarray(0, count));
  const key = /sec-websocket-key: (.*)\r\n/i.exec(request)?.[1] ?? "";
  const digest = await crypto.subtle.digest(
    "SHA-1",
    new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
  );
  const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
  await server.write(new TextEncoder().encode(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n` +
      `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  ));
  const client = await connecting;
  await writeAll(client, new Uint8Array(3));
  client.close();
  await client.finished;
  while (await server.read(buffer).catch(() => null) !== null);
});
