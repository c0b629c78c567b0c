import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { formatAddress } from "../../../lib/transport/address.ts";
import { connect } from "../../../lib/transport/connect.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { writeAll } from "../../../lib/transport/io.ts";
import { listen } from "../../../lib/transport/listen.ts";
import { connectTls } from "../../../lib/transport/tls/connect_tls.ts";
import { listenTls } from "../../../lib/transport/tls/listen_tls.ts";
import type { TlsListener } from "../../../lib/transport/tls/tls_listener.ts";
import { TlsListenerImpl } from "../../../lib/transport/tls/tls_listener_impl.ts";
import { Authority, authority, LOOPBACK, server } from "./certificates.ts";
import {
  assertCode,
  assertServes,
  dial,
  listenLoopback,
  pair,
  Relay,
} from "./tls_pair.ts";

/** Collects failed handshakes and waits for them. */
function failures() {
  const errors: TransportError[] = [];
  let wake: (() => void) | undefined;
  return {
    onHandshakeError(error: TransportError): void {
      errors.push(error);
      wake?.();
    },
    async next(): Promise<TransportError> {
      while (errors.length === 0) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        await promise;
      }
      return errors.shift()!;
    },
  };
}

async function raw(listener: TlsListener): Promise<Deno.TcpConn> {
  return await Deno.connect({ port: listener.addr.port ?? 0 });
}

/** Reads until the server closes. */
async function drain(conn: Deno.Conn): Promise<void> {
  while (await conn.read(new Uint8Array(1_024)).catch(() => null) !== null);
}

Deno.test("listenTls() survives a client that speaks plain text", async () => {
  const failed = failures();
  await using listener = await listenLoopback(failed);
  using conn = await raw(listener);
  await conn.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  const error = await failed.next();
  assertEquals(error.code, "protocol");
  assert(error.message.includes("does not speak TLS"), error.message);
  assertEquals(error.address, `tcp://127.0.0.1:${conn.localAddr.port}`);
  assert(error.cause instanceof Error);
  await drain(conn);
  await assertServes(listener);
});

Deno.test("listenTls() survives a client that closes immediately", async () => {
  const failed = failures();
  await using listener = await listenLoopback(failed);
  (await raw(listener)).close();
  assertEquals((await failed.next()).code, "tls");
  await assertServes(listener);
});

Deno.test("listenTls() survives garbage in the middle of the handshake", async () => {
  const failed = failures();
  await using listener = await listenLoopback(failed);
  for (let round = 0; round < 20; round++) {
    using conn = await raw(listener);
    // A record of type handshake with random content.
    const record = crypto.getRandomValues(new Uint8Array(5 + 200));
    // 99 is no type of message. Its length is beyond every limit: with a shorter
    // one, the listener may wait for the other bytes.
    record.set([22, 3, 1, 0, 200, 99, 255, 255, 255]);
    await conn.write(record);
    const { code } = await failed.next();
    assert(code === "tls" || code === "protocol", code);
    await drain(conn);
  }
  await assertServes(listener);
});

Deno.test("listenTls() drops a client that never finishes its handshake", async () => {
  const failed = failures();
  await using listener = await listenLoopback({
    ...failed,
    handshakeTimeout: 50,
  });
  using silent = await raw(listener);
  const error = await failed.next();
  assertEquals(error.code, "timeout");
  assert(error.message.includes("within 50 ms"), error.message);
  await drain(silent);
  await assertServes(listener);
});

Deno.test("listenTls() serves other clients during a handshake", async () => {
  await using listener = await listenLoopback();
  using silent = await raw(listener);
  await assertServes(listener);
  await assertServes(listener);
  silent.close();
});

Deno.test("listenTls() runs at most 'maxHandshakes' handshakes", async () => {
  const failed = failures();
  await using listener = await listenLoopback({ ...failed, maxHandshakes: 2 });
  const silent = [await raw(listener), await raw(listener)];
  let served = false;
  const serving = assertServes(listener).then(() => served = true);
  // The hello of the third client waits in the backlog, unanswered.
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(!served);
  silent[0]?.close();
  await serving;
  silent[1]?.close();
  await failed.next();
});

Deno.test("listenTls() drops the oldest handshake when silent clients fill it", async () => {
  const failed = failures();
  await using listener = await listenLoopback({ ...failed, maxHandshakes: 3 });
  const silent = [];
  for (let count = 0; count < 3; count++) {
    silent.push(await raw(listener));
    await new Promise((resolve) => setTimeout(resolve, 10)); // accepted in order
  }
  await assertServes(listener);
  const error = await failed.next();
  const { port } = silent[0]!.localAddr;
  assertEquals([error.code, error.address], [
    "limit",
    `tcp://127.0.0.1:${port}`,
  ]);
  await drain(silent[0]!);
  for (const conn of silent) conn.close();
});

Deno.test("listenTls() serves clients while 256 silent ones keep connecting", async () => {
  await using listener = await listenLoopback();
  const silent: Deno.Conn[] = [];
  for (let count = 0; count < 300; count++) silent.push(await raw(listener));
  for (let served = 0; served < 3; served++) {
    await assertServes(listener);
    silent.push(await raw(listener));
  }
  for (const conn of silent) conn.close();
});

Deno.test("listenTls() counts unaccepted connections as handshakes", async () => {
  await using listener = await listenLoopback({ maxHandshakes: 1 });
  const first = await dial(listener);
  let second = false;
  const waiting = dial(listener).then((connection) => {
    second = true;
    return connection;
  });
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert(!second);
  (await listener.accept()).close();
  (await waiting).close();
  (await listener.accept()).close();
  first.close();
});

Deno.test("listenTls() rejects a client without a common ALPN protocol", async () => {
  const failed = failures();
  await using listener = await listenLoopback({
    ...failed,
    alpnProtocols: ["lengthwise"],
  });
  await assertCode(
    dial(listener, { alpnProtocols: ["h2"] }),
    "tls",
    "have no ALPN protocol in common",
  );
  assert(
    (await failed.next()).message.includes("have no ALPN protocol in common"),
  );
  await assertServes(listener, { alpnProtocols: ["h2", "lengthwise"] });
  await assertServes(listener); // offers no protocol, which is allowed
});

Deno.test("listenTls() rejects a client without ALPN if it is required", async () => {
  const failed = failures();
  await using listener = await listenLoopback({
    ...failed,
    alpnProtocols: ["lengthwise"],
    requireAlpn: true,
  });
  const client = await dial(listener);
  assertEquals(client.alpnProtocol, null);
  assertEquals(await client.read(new Uint8Array(8)), null);
  client.close();
  const error = await failed.next();
  assertEquals(error.code, "tls");
  assert(error.message.includes("requires one"), error.message);
  await assertServes(listener, { alpnProtocols: ["lengthwise"] });
});

Deno.test("TlsListener.reload() replaces the certificate and keeps connections open", async () => {
  const next = await Authority.create("CN=Next authority");
  await using listener = await listenLoopback();
  const [before, accepted] = await pair(listener);
  await listener.reload(
    await next.issue({ subject: "CN=localhost", names: LOOPBACK }),
  );
  await assertCode(dial(listener), "tls", "unknown issuer");
  await assertServes(listener, { caCerts: [next.cert] });
  await before.write(new Uint8Array([1]));
  assertEquals(await accepted.read(new Uint8Array(8)), 1);
  before.close();
  accepted.close();
});

Deno.test("TlsListener.reload() keeps the old certificate if the new one is unusable", async () => {
  await using listener = await listenLoopback();
  const { cert, key } = server;
  const other = await authority.issue({ subject: "CN=other" });
  for (
    const [bad, text] of [
      [{ cert: "nonsense", key }, "'cert' is unusable"],
      [{ cert, key: "nonsense" }, "'key' is unusable"],
      [{ cert, key: other.key }, "'key' is not the key of 'cert'"],
      [{ cert, key, clientCaCerts: ["nonsense"] }, "authority's certificate"],
    ] as const
  ) {
    await assertCode(listener.reload(bad), "tls", text);
  }
  await assertServes(listener);
});

Deno.test("listenTls() rejects invalid options", async () => {
  await assertCode(listenTls({ port: 0 }), "tls", "needs a certificate");
  await assertCode(
    listenTls({ port: 0, tls: { ...server, key: "nonsense" } }),
    "tls",
    "'key' is unusable",
  );
  for (const handshakeTimeout of [0, -1, NaN, 2 ** 31]) {
    await assertRejects(
      () => listenLoopback({ handshakeTimeout }),
      RangeError,
      "handshakeTimeout",
    );
  }
  await assertRejects(
    () => listenLoopback({ maxHandshakes: 0 }),
    RangeError,
    "maxHandshakes",
  );
  (await listenLoopback({ maxHandshakes: 1 })).close();
});

Deno.test("listenTls() reports the failures of its address", async () => {
  await using listener = await listenLoopback();
  await assertCode(
    listenTls({ port: listener.addr.port ?? 0, tls: server }),
    "address-in-use",
    "in use",
  );
});

Deno.test("TlsListener.close() cancels handshakes and closes unaccepted connections", async () => {
  const listener = await listenLoopback();
  using silent = await raw(listener);
  const ready = await dial(listener);
  const iterating = (async () => {
    for await (const connection of listener) connection.close();
  })();
  await ready.read(new Uint8Array(1)); // accepted and closed by the loop
  listener.close();
  listener.close();
  await iterating;
  await drain(silent);
  ready.close();
  await assertCode(listener.accept(), "closed", "closed");
  await listener[Symbol.asyncDispose]();
});

Deno.test("TlsListener enforces its cap on connections", async () => {
  await using listener = await listenTls({ port: 0, tls: server }, {
    maxConnections: 1,
  });
  const [first, accepted] = await pair(listener);
  const [second] = await Promise.all([dial(listener)]);
  let taken = false;
  const accepting = listener.accept().then((connection) => {
    taken = true;
    return connection;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert(!taken);
  accepted.close();
  const next = await accepting;
  for (const connection of [first, second, next]) connection.close();
});

Deno.test("listen() returns a TlsListener for an address with TLS", async () => {
  await using listener = await listen("tls://127.0.0.1:0", { tls: server });
  assert(listener instanceof TlsListenerImpl);
  const [accepted, client] = await Promise.all([
    listener.accept(),
    connectTls({
      port: listener.addr.port ?? 0,
      tls: { caCerts: [authority.cert] },
    }),
  ]);
  accepted.close();
  client.close();
});

Deno.test("the address of a TlsListener is one of TLS, over TCP and Unix sockets", async () => {
  const path = await Deno.makeTempDir();
  const tls = { caCerts: [authority.cert] };
  try {
    for (const address of [{ port: 0 }, { path: `${path}/s.sock` }]) {
      await using listener = await listen({ ...address, tls: server });
      const { addr } = listener;
      const scheme = "path" in address ? "tls+unix" : "tls";
      assertEquals(addr.transport, scheme);
      assertEquals(formatAddress(addr).startsWith(`${scheme}:`), true);
      // As it is, it asks for TLS, whose default authorities do not match.
      const error = await assertRejects(() => connect(addr), TransportError);
      assertStringIncludes(error.message, "trust its authority");
      const [client, accepted] = await Promise.all([
        connect({ ...addr, tls }),
        listener.accept(),
      ]);
      await writeAll(client, Uint8Array.of(7));
      const buffer = new Uint8Array(9);
      assertEquals([await accepted.read(buffer), buffer[0]], [1, 7]);
      client.close();
      accepted.close();
      // Without a certificate, nothing listens in its place.
      await assertRejects(() => listen({ ...addr }), Error, "certificate");
    }
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});

Deno.test("listen() and connect() take undefined TLS options as omitted", async () => {
  await using listener = await listenLoopback({
    clientCaCerts: undefined,
    alpnProtocols: undefined,
    requireAlpn: undefined,
    requireCloseNotify: undefined,
    handshakeTimeout: undefined,
    maxHandshakes: undefined,
    onHandshakeError: undefined,
  });
  await using relay = new Relay(listener.addr.port ?? 0);
  const [accepted, client] = await Promise.all([
    listener.accept(),
    dial(relay, {
      serverName: undefined,
      defaultCaCerts: undefined,
      cert: undefined,
      key: undefined,
      alpnProtocols: undefined,
      requireCloseNotify: undefined,
    }),
  ]);
  await relay.cut();
  for (const end of [accepted, client]) {
    await assertCode(end.read(new Uint8Array(8)), "truncated", "cut off");
    end.close();
  }
});
