import { frames, u32be } from "@lengthwise/lengthwise/framing";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { checkTransport } from "../../../lib/testing/check_transport.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { writeAll } from "../../../lib/transport/io.ts";
import {
  connectWebSocket,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketConnection,
  webSocketConnection,
  type WebSocketConnectOptions,
} from "../../../lib/transport/mod.ts";
import { authority, server as certificate } from "../tls/certificates.ts";
import { assertCode, readAll, Relay } from "../tls/tls_pair.ts";

const bytes = (...values: number[]) => new Uint8Array(values);
const hostname = "127.0.0.1";

/** A server that upgrades each request. */
class Service implements AsyncDisposable {
  readonly url: string;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #accepted: ((connection: WebSocketConnection) => void) | undefined;
  #connections: WebSocketConnection[] = [];

  constructor(
    options: UpgradeWebSocketOptions = {},
    tls?: Deno.TlsCertifiedKeyPem,
  ) {
    const handler: Deno.ServeHandler<Deno.NetAddr> = (request, info) => {
      const { response, connection } = upgradeWebSocket(request, {
        remoteAddr: info.remoteAddr,
        ...options,
      });
      this.#connections.push(connection);
      this.#accepted?.(connection);
      return response;
    };
    const listen = { hostname, port: 0, onListen() {} };
    this.#server = tls === undefined
      ? Deno.serve(listen, handler)
      : Deno.serve({ ...listen, ...tls }, handler);
    const scheme = tls === undefined ? "ws" : "wss";
    this.url = `${scheme}://${hostname}:${this.#server.addr.port}/`;
  }

  async pair(
    options: WebSocketConnectOptions = {},
  ): Promise<[client: WebSocketConnection, server: WebSocketConnection]> {
    const accepted = new Promise<WebSocketConnection>((resolve) => {
      this.#accepted = resolve;
    });
    const client = await connectWebSocket(this.url, options);
    return [client, await accepted];
  }

  /** Returns a bare WebSocket as the client. */
  async bare(): Promise<[socket: WebSocket, server: WebSocketConnection]> {
    const accepted = new Promise<WebSocketConnection>((resolve) => {
      this.#accepted = resolve;
    });
    const socket = new WebSocket(this.url);
    await new Promise((resolve) => socket.addEventListener("open", resolve));
    return [socket, await accepted];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#connections.map(({ finished }) => finished));
    await this.#server.shutdown();
  }
}

/** Closes connections and waits until their sockets are closed. */
async function closed(...connections: WebSocketConnection[]): Promise<void> {
  for (const connection of connections) connection.close();
  await Promise.all(connections.map(({ finished }) => finished));
}

async function socketClosed(socket: WebSocket): Promise<CloseEvent> {
  return await new Promise((resolve) => {
    socket.addEventListener("close", resolve);
  });
}

Deno.test("checkTransport() passes WebSocket", async (t) => {
  await using service = new Service();
  await checkTransport(() => service.pair(), {
    step: (name, check) => t.step(name, check),
  });
});

Deno.test("checkTransport() passes WebSocket with TLS", async (t) => {
  await using service = new Service({}, certificate);
  await checkTransport(
    () => service.pair({ tls: { caCerts: [authority.cert] } }),
    { step: (name, check) => t.step(name, check) },
  );
});

Deno.test("WebSocketConnection blocks a sender whose peer does not read", async () => {
  await using service = new Service();
  const [client, server] = await service.pair();
  let sent = 0;
  const total = 1024 * 1024;
  const sending = (async () => {
    while (sent < total) sent += await client.write(new Uint8Array(10_000));
    await client.closeWrite();
  })();
  // It stays at the receiver's limit, no matter how long the test waits.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(sent, 256 * 1024);
  assertEquals((await readAll(server)).length, sent);
  await sending;
  await closed(client);
});

Deno.test("WebSocketConnection grants as much credit as its receiveLimit", async () => {
  await using service = new Service({ receiveLimit: 1_000_000 });
  const [client] = await service.pair();
  await writeAll(client, new Uint8Array(1_000_000));
  let more = false;
  const writing = client.write(bytes(1)).then(() => more = true, () => {});
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!more);
  await closed(client);
  await writing;
});

Deno.test("WebSocketConnection ends a peer that overruns its receiveLimit", async () => {
  await using service = new Service({ receiveLimit: 256 * 1024 });
  const [socket, server] = await service.bare();
  const closing = socketClosed(socket);
  for (let sent = 0; sent <= 256 * 1024; sent += 64 * 1024) {
    socket.send(new Uint8Array(64 * 1024));
  }
  const { code, reason } = await closing;
  assertEquals([code, reason], [4009, "more than 262144 bytes are unread"]);
  const error = await assertCode(
    server.read(new Uint8Array(8)),
    "limit",
    "raise 'receiveLimit'",
  );
  assert(error.address.startsWith("websocket://127.0.0.1:"), error.address);
});

Deno.test("WebSocketConnection rejects a text message", async () => {
  await using service = new Service();
  for (const text of ["hello", "100", ""]) {
    const [socket, server] = await service.bare();
    const closing = socketClosed(socket);
    socket.send(text);
    assertEquals((await closing).code, 4002);
    await assertCode(
      server.read(new Uint8Array(8)),
      "protocol",
      "it sent a text message",
    );
  }
});

Deno.test("WebSocketConnection rejects a text message that is not a credit", async () => {
  await using service = new Service();
  for (const text of ["hello", "-1", "1e9", "1".repeat(16), ""]) {
    const socket = new WebSocket(service.url, ["lengthwise.bytes.v1"]);
    const closing = socketClosed(socket);
    socket.addEventListener("open", () => socket.send(text));
    assertEquals((await closing).code, 4002, text);
  }
});

Deno.test("WebSocketConnection rejects bytes after the half-close", async () => {
  await using service = new Service();
  const [socket, server] = await service.bare();
  const closing = socketClosed(socket);
  socket.send(bytes(1));
  socket.send(bytes());
  socket.send(bytes(2));
  assertEquals((await closing).code, 4002);
  await assertRejects(
    () => server.write(bytes(1)),
    TransportError,
    "half-close",
  );
});

Deno.test("WebSocketConnection exchanges binary messages with any WebSocket", async () => {
  await using service = new Service();
  const [socket, server] = await service.bare();
  socket.binaryType = "arraybuffer";
  const received: number[] = [];
  const ended = new Promise<void>((resolve) => {
    socket.addEventListener("message", ({ data }) => {
      received.push(...new Uint8Array(data));
      if (data.byteLength === 0) resolve();
    });
  });
  for (let value = 1; value <= 5; value++) socket.send(bytes(value));
  socket.send(bytes());
  assertEquals(await readAll(server), bytes(1, 2, 3, 4, 5));
  await writeAll(server, bytes(6, 7));
  await server.closeWrite();
  await ended;
  assertEquals(received, [6, 7]);
  const closing = socketClosed(socket);
  server.close();
  assertEquals((await closing).code, 1000);
});

Deno.test("WebSocketConnection distinguishes a normal end from a truncated stream", async () => {
  await using service = new Service();
  for (
    const [closeCode, code] of [
      [1000, null],
      [undefined, null],
      [4000, "truncated"],
      [3001, "truncated"],
      [4002, "protocol"],
      [4009, "limit"],
    ] as const
  ) {
    const [socket, server] = await service.bare();
    const closing = socketClosed(socket);
    socket.send(bytes(1));
    socket.close(closeCode);
    assertEquals(await server.read(new Uint8Array(8)), 1);
    const reading = server.read(new Uint8Array(8));
    if (code === null) assertEquals(await reading, null);
    else await assertCode(reading, code, "Cannot");
    await closing;
    await assertCode(server.write(bytes(1)), code ?? "reset", "Cannot");
  }
});

Deno.test("WebSocketConnection distinguishes a broken connection from an end", async () => {
  await using service = new Service();
  await using relay = new Relay(Number(new URL(service.url).port));
  const connection = await connectWebSocket(
    `ws://${hostname}:${relay.addr.port}/`,
  );
  await relay.cut();
  await assertCode(connection.read(new Uint8Array(8)), "reset", "disconnected");
  await connection.finished;
});

Deno.test("connectWebSocket() reports a server that does not speak WebSocket", async () => {
  await using server = Deno.serve(
    { hostname, port: 0, onListen() {} },
    () => new Response("no WebSocket here"),
  );
  const { port } = server.addr;
  const error = await assertCode(
    connectWebSocket(`ws://${hostname}:${port}/`),
    "protocol",
    "Invalid status code: 200",
  );
  assertEquals(error.address, `ws://${hostname}:${port}/`);
  await assertCode(
    connectWebSocket(`wss://${hostname}:${port}/`),
    "tls",
    "TLS",
  );
});

Deno.test("connectWebSocket() reports that nothing listens", async () => {
  const listener = Deno.listen({ hostname, port: 0 });
  const { port } = listener.addr;
  listener.close();
  await assertCode(
    connectWebSocket(`ws://${hostname}:${port}/`),
    "refused",
    "nothing is listening",
  );
});

Deno.test("connectWebSocket() rejects an unknown authority", async () => {
  await using service = new Service({}, certificate);
  await assertCode(connectWebSocket(service.url), "tls", "TLS failed");
});

Deno.test("connectWebSocket() rejects an invalid WebSocket URL", async () => {
  for (
    const url of ["ftp://127.0.0.1/", "nonsense", "ws://127.0.0.1/#fragment"]
  ) {
    await assertCode(connectWebSocket(url), "address-invalid", url);
  }
});

Deno.test("connectWebSocket() times out if the server never answers", async () => {
  using listener = Deno.listen({ hostname, port: 0 });
  const url = `ws://${hostname}:${listener.addr.port}/`;
  for (const reason of [new Error("enough"), undefined]) {
    const abort = new AbortController();
    const dialling = connectWebSocket(url, {
      signal: abort.signal,
      timeout: reason === undefined ? 50 : 0,
    });
    dialling.catch(() => {});
    using conn = await listener.accept();
    await conn.read(new Uint8Array(4_096));
    if (reason !== undefined) {
      abort.abort(reason);
      await assertRejects(() => dialling, Error, "enough");
    } else await assertCode(dialling, "timeout", "within 50 ms");
    while (await conn.read(new Uint8Array(16)).catch(() => null) !== null);
  }
});

Deno.test("connectWebSocket() honors an earlier abort and ignores a later one", async () => {
  await using service = new Service();
  await assertRejects(
    () =>
      connectWebSocket(service.url, {
        signal: AbortSignal.abort(new Error("before")),
      }),
    Error,
    "before",
  );
  const abort = new AbortController();
  const [client, server] = await service.pair({ signal: abort.signal });
  abort.abort();
  await client.write(bytes(1));
  assertEquals(await server.read(new Uint8Array(8)), 1);
  await closed(client);
});

Deno.test("connectWebSocket() sends headers, and offers flow control unless disabled", async () => {
  const seen: (string | null)[][] = [];
  await using server = Deno.serve(
    { hostname, port: 0, onListen() {} },
    (request) => {
      const { headers } = request;
      seen.push([
        headers.get("authorization"),
        headers.get("sec-websocket-protocol"),
      ]);
      const { response, connection } = upgradeWebSocket(request);
      void connection.opened.then(() => connection.close());
      return response;
    },
  );
  const url = `ws://${hostname}:${server.addr.port}/`;
  for (
    const options of [{ headers: { authorization: "me" } }, {
      flowControl: false,
    }]
  ) {
    const connection = await connectWebSocket(url, options);
    assertEquals(await connection.read(new Uint8Array(8)), null);
    await closed(connection);
  }
  assertEquals(seen, [["me", "lengthwise.bytes.v1"], [null, null]]);
});

Deno.test("connectWebSocket() rejects invalid headers, and keeps no TLS client", async () => {
  for (
    const [scheme, options] of [["ws", {}], ["wss", {
      tls: { caCerts: [authority.cert] },
    }]] as const
  ) {
    const error = await assertRejects(
      () =>
        connectWebSocket(`${scheme}://127.0.0.1:1/`, {
          ...options,
          headers: { "a b": "c" },
        }),
      TransportError,
      "header",
    );
    assertEquals(error.code, "other");
  }
});

Deno.test("upgradeWebSocket() and connectWebSocket() reject an invalid limit", async () => {
  const request = new Request("http://127.0.0.1/");
  assertThrows(
    () => upgradeWebSocket(request, { receiveLimit: 1_000 }),
    RangeError,
    "at least 262144",
  );
  await assertRejects(
    () => connectWebSocket("ws://127.0.0.1:1/", { receiveLimit: NaN }),
    RangeError,
    "at least 262144",
  );
});

Deno.test("webSocketConnection() adapts an opening socket and counts bytes", async () => {
  await using service = new Service();
  const client = webSocketConnection(new WebSocket(service.url));
  await writeAll(client, bytes(1, 2, 3)); // waits until the socket is open
  assertEquals(client.bytesWritten, 3);
  assertEquals(client.localAddr, { transport: "websocket" });
  await closed(client);
  await assertCode(client.read(new Uint8Array(1)), "closed", "closed");
});

Deno.test("WebSocketConnection sends one message per write and per turn of frames", async () => {
  await using service = new Service();
  const [socket, server] = await service.bare();
  socket.binaryType = "arraybuffer";
  const sizes: number[] = [];
  socket.addEventListener("message", ({ data }) => sizes.push(data.byteLength));
  // A second small message would wait for the acknowledgment of the first (Nagle).
  const stream = frames(server, u32be());
  stream.write(new Uint8Array(100));
  await stream.flush();
  stream.write(new Uint8Array(10));
  stream.write(new Uint8Array(20));
  await stream.flush();
  socket.close();
  await server.finished;
  await closed(server);
  assertEquals(sizes, [4 + 100, 4 + 10 + 4 + 20]);
});
