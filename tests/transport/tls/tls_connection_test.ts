import { FrameError, frames, u32be } from "@lengthwise/lengthwise/framing";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fillUp } from "../../../lib/testing/transport_kit.ts";
import { checkTransport } from "../../../lib/testing/check_transport.ts";
import { connect } from "../../../lib/transport/connect.ts";
import { writeAll } from "../../../lib/transport/io.ts";
import { TransportError } from "../../../lib/transport/errors.ts";
import { connectTls } from "../../../lib/transport/tls/connect_tls.ts";
import { listenTls } from "../../../lib/transport/tls/listen_tls.ts";
import {
  Authority,
  authority,
  client as alice,
  LOOPBACK,
  server,
} from "./certificates.ts";
import {
  assertCode,
  assertServes,
  dial,
  listenLoopback,
  pair,
  readAll,
  Relay,
} from "./tls_pair.ts";

const bytes = (...values: number[]) => new Uint8Array(values);

/** A server that reads a little, sends the given reply and closes. */
async function answer(
  listener: Deno.TcpListener,
  reply: Uint8Array | undefined,
): Promise<void> {
  using conn = await listener.accept();
  await conn.read(new Uint8Array(16_384));
  if (reply !== undefined) await conn.write(reply);
  await conn.closeWrite();
  while (await conn.read(new Uint8Array(16_384)).catch(() => null) !== null);
}

Deno.test("checkTransport() passes TLS", async (t) => {
  await using listener = await listenLoopback();
  await checkTransport(() => pair(listener), {
    step: (name, check) => t.step(name, check),
  });
});

Deno.test("checkTransport() passes TLS over Unix sockets", {
  ignore: Deno.build.os === "windows", // Deno does not support Unix sockets there
}, async (t) => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  {
    await using listener = await listenTls({ path, tls: server });
    await checkTransport(async () => {
      const [accepted, client] = await Promise.all([
        listener.accept(),
        connectTls({ path, tls: { caCerts: [authority.cert] } }),
      ]);
      return [client, accepted];
    }, { step: (name, check) => t.step(name, check) });
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("connectTls() verifies the name in the certificate independently of the address", async () => {
  const certificate = await authority.issue({
    subject: "CN=shop",
    names: [{ type: "dns", value: "shop.example" }],
  });
  await using listener = await listenLoopback(certificate);
  for (const identity of [{}, alice]) {
    const [client, accepted] = await pair(listener, {
      ...identity,
      serverName: "shop.example",
    });
    client.close();
    accepted.close();
    const error = await assertCode(
      dial(listener, identity),
      "tls",
      "certificate is for another name",
    );
    assertEquals(error.address, `tls://127.0.0.1:${listener.addr.port}`);
    assert(error.cause instanceof Error);
    // The server had completed its handshake before the client closed.
    (await listener.accept()).close();
  }
  await assertServes(listener, { serverName: "shop.example" });
});

Deno.test("connectTls() rejects an unknown authority", async () => {
  const unknown = await Authority.create("CN=Unknown");
  const certificate = await unknown.issue({
    subject: "CN=localhost",
    names: LOOPBACK,
  });
  await using listener = await listenLoopback(certificate);
  for (const identity of [{}, alice]) {
    await assertCode(dial(listener, identity), "tls", "unknown issuer");
  }
  await assertServes(listener, { caCerts: [unknown.cert] });
});

Deno.test("connectTls() rejects an expired certificate", async () => {
  const certificate = await authority.issue({
    subject: "CN=localhost",
    names: LOOPBACK,
    expires: -1,
  });
  await using listener = await listenLoopback(certificate);
  for (const identity of [{}, alice]) {
    await assertCode(
      dial(listener, identity),
      "tls",
      "is expired or is not yet valid",
    );
  }
});

Deno.test("connectTls() reports a server that does not speak TLS", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const identity of [{}, alice]) {
    const greeting = answer(
      listener,
      new TextEncoder().encode("220 hello\r\n"),
    );
    await assertCode(
      dial(listener, identity),
      "protocol",
      "does not speak TLS",
    );
    await greeting;
  }
});

Deno.test("connectTls() reports a server that closes after the client hello", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const identity of [{}, alice]) {
    const hangingUp = answer(listener, undefined);
    await assertCode(
      dial(listener, identity),
      "tls",
      "closed the connection during the handshake",
    );
    await hangingUp;
  }
});

Deno.test("connectTls() reports a refused connection", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { addr } = listener;
  listener.close();
  await assertCode(dial({ addr }), "refused", "nothing is listening");
});

Deno.test("connectTls() cancels an endless handshake on its signal", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  for (const identity of [{}, alice]) {
    const abort = new AbortController();
    const dialling = dial(listener, { ...identity, signal: abort.signal });
    dialling.catch(() => {});
    using conn = await listener.accept();
    await conn.read(new Uint8Array(16_384)); // its hello has arrived
    abort.abort(new Error("enough"));
    await assertRejects(() => dialling, Error, "enough");
    while (await conn.read(new Uint8Array(16_384)).catch(() => null) !== null);
  }
});

Deno.test("connectTls() honors an earlier abort and ignores a later one", async () => {
  await using listener = await listenLoopback();
  await assertRejects(
    () => dial(listener, { signal: AbortSignal.abort(new Error("before")) }),
    Error,
    "before",
  );
  const abort = new AbortController();
  const [accepted, client] = await Promise.all([
    listener.accept(),
    dial(listener, { signal: abort.signal }),
  ]);
  using _accepted = accepted;
  using _client = client;
  abort.abort();
  await client.write(bytes(1));
  assertEquals(await accepted.read(new Uint8Array(8)), 1);
});

Deno.test("connect() applies its timeout to the TLS handshake", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepting = listener.accept();
  await assertCode(
    connect({ port: listener.addr.port, tls: {} }, { timeout: 50 }),
    "timeout",
    "within 50 ms",
  );
  (await accepting).close();
});

Deno.test("connectTls() rejects a client certificate without its key", async () => {
  await using listener = await listenLoopback();
  const { cert, key } = alice;
  await assertCode(dial(listener, { key }), "tls", "one of them is missing");
  await assertCode(dial(listener, { cert }), "tls", "one of them is missing");
});

Deno.test("connectTls() rejects invalid PEM", async () => {
  await using listener = await listenLoopback();
  const { cert, key } = alice;
  const nonsense = "nonsense";
  await assertCode(dial(listener, { cert: nonsense, key }), "tls", "'cert'");
  await assertCode(dial(listener, { cert, key: nonsense }), "tls", "'key'");
  await assertCode(
    dial(listener, { caCerts: [nonsense] }),
    "tls",
    "an authority's certificate",
  );
  await assertCode(
    dial(listener, { cert, key: server.key }),
    "tls",
    "'key' is not the key of 'cert'",
  );
});

Deno.test("TlsConnection has the ALPN protocol, the addresses and the server's certificate", async () => {
  await using listener = await listenLoopback({ alpnProtocols: ["b", "a"] });
  for (const identity of [{}, alice]) {
    const [client, accepted] = await pair(listener, {
      ...identity,
      alpnProtocols: ["a", "b"],
    });
    using _client = client;
    using _accepted = accepted;
    assertEquals(client.alpnProtocol, accepted.alpnProtocol);
    assertEquals(client.localAddr, accepted.remoteAddr);
    assertEquals(client.remoteAddr, accepted.localAddr);
    assertEquals(client.peerCertificate?.subject, { CN: "localhost" });
    // The server did not request the client's certificate.
    assertEquals(accepted.peerCertificate, null);
  }
});

Deno.test("TlsConnection distinguishes a truncated stream from an ended one", async () => {
  await using listener = await listenLoopback();
  for (const identity of [{}, alice]) {
    await using relay = new Relay(listener.addr.port ?? 0);
    const [accepted, client] = await Promise.all([
      listener.accept(),
      dial(relay, identity),
    ]);
    using _accepted = accepted;
    using _client = client;
    await client.write(bytes(1));
    await accepted.write(bytes(2));
    assertEquals(await accepted.read(new Uint8Array(8)), 1);
    assertEquals(await client.read(new Uint8Array(8)), 1);
    await relay.cut();
    await assertCode(readAll(accepted), "truncated", "cut off before its end");
    await assertCode(readAll(client), "truncated", "cut off before its end");
  }
});

Deno.test("TlsConnection accepts an end without close_notify by option, between frames only", async () => {
  const requireCloseNotify = false;
  await using listener = await listenLoopback({ requireCloseNotify });
  const frame = bytes(0, 0, 0, 2, 7, 7);
  for (
    const [sent, outcome] of [[6, "end"], [5, "truncated"], [2, "truncated"]]
  ) {
    await using relay = new Relay(listener.addr.port ?? 0);
    const [accepted, client] = await Promise.all([
      listener.accept(),
      dial(relay, { requireCloseNotify }),
    ]);
    const ends = [accepted, client].map((connection) =>
      frames(connection, u32be())
    );
    await Promise.all([accepted, client].map(async (connection) => {
      await writeAll(connection, frame);
      await writeAll(connection, frame.subarray(0, Number(sent)));
    }));
    let started = 0;
    const cut = async () => {
      if (++started < ends.length) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
      await relay.cut();
    };
    const outcomes = ends.map(async (stream) => {
      let count = 0;
      try {
        for await (const _ of stream) if (++count === 1) void cut();
        return `${count} end`;
      } catch (error) {
        return `${count} ${error instanceof FrameError ? error.code : error}`;
      }
    });
    const count = outcome === "end" ? 2 : 1;
    assertEquals(await Promise.all(outcomes), [
      `${count} ${outcome}`,
      `${count} ${outcome}`,
    ]);
    for (const stream of ends) await stream[Symbol.asyncDispose]();
  }
});

Deno.test("connect() refuses a certificate that has only a common name", async () => {
  for (
    const names of [[], [{ type: "email", value: "a@b.example" }]] as const
  ) {
    const certificate = await authority.issue({
      subject: "CN=localhost",
      names: [...names],
    });
    await using listener = await listenLoopback(certificate);
    for (const serverName of ["localhost", "127.0.0.1"]) {
      const error = await assertCode(
        dial(listener, { serverName }),
        "tls",
        "certificate",
      );
      if (serverName === "127.0.0.1") continue; // a common name is no address
      assert(
        error.message.includes("subject alternative names"),
        error.message,
      );
    }
  }
});

Deno.test(
  "connect() keeps NotCapable over TLS",
  { permissions: { read: true, env: true, net: false } },
  async () => {
    const path = "/tmp/lengthwise-denied.sock";
    for (
      const address of [
        { port: 1, tls: {} },
        { path, tls: {} },
        { port: 1, tls: { caCerts: [authority.cert] } },
        "tls://127.0.0.1:1",
        "wss://127.0.0.1:1/",
      ]
    ) {
      await assertRejects(
        () => connect(address, { retry: {} }),
        Deno.errors.NotCapable,
        "--allow-net",
      );
    }
  },
);

Deno.test("TlsConnection rejects tampered records", async () => {
  await using listener = await listenLoopback();
  const header = [23, 3, 3, 0, 32]; // application data, 32 bytes
  for (
    const garbage of [
      bytes(...header, ...crypto.getRandomValues(new Uint8Array(32))),
      new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    ]
  ) {
    await using relay = new Relay(listener.addr.port ?? 0);
    const [accepted, client] = await Promise.all([
      listener.accept(),
      dial(relay),
    ]);
    using _accepted = accepted;
    using _client = client;
    await relay.inject(garbage);
    for (const end of [accepted, client]) {
      await assertCode(end.read(new Uint8Array(8)), "tls", "Cannot read");
      await assertRejects(() => end.write(bytes(1)), TransportError);
    }
  }
  await assertServes(listener);
});

Deno.test("TlsConnection returns the bytes before the cut, then its error", async () => {
  await using listener = await listenLoopback();
  await using relay = new Relay(listener.addr.port ?? 0);
  const [accepted, client] = await Promise.all([
    listener.accept(),
    dial(relay),
  ]);
  using _accepted = accepted;
  using _client = client;
  await writeAll(client, new Uint8Array(1_000).fill(9));
  assertEquals(await accepted.read(new Uint8Array(1)), 1);
  await relay.cut();
  let count = 1;
  await assertCode(
    (async () => {
      for (;;) count += await accepted.read(new Uint8Array(100)) ?? 0;
    })(),
    "truncated",
    "cut off before its end",
  );
  assertEquals(count, 1_000);
});

Deno.test("TlsConnection half-closes and continues to read, at both ends", async () => {
  await using listener = await listenLoopback();
  for (const identity of [{}, alice]) {
    const ends = await pair(listener, identity);
    for (const [from, to] of [ends, ends.toReversed()]) {
      if (from === undefined || to === undefined) throw new Error("no pair");
      await from.write(bytes(5));
      await from.closeWrite();
      assertEquals(await readAll(to), bytes(5));
    }
    for (const end of ends) {
      end.close();
      end[Symbol.dispose]();
    }
  }
});

Deno.test("TlsConnection stops receiving at its limit of unread bytes", async () => {
  await using listener = await listenLoopback();
  const [client, accepted] = await pair(listener);
  using _accepted = accepted;
  const total = 32 * 1024 * 1024;
  let sent = 0;
  const sending = (async () => {
    const block = new Uint8Array(64 * 1024);
    while (sent < total) sent += await client.write(block);
    await client.closeWrite();
  })();
  assertEquals(await accepted.read(new Uint8Array(1)), 1);
  // Wait until nothing moves: the socket buffers and the queue are full.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert(sent < total / 2, `backpressure, and not ${sent} bytes taken`);
  assertEquals((await readAll(accepted)).length, total - 1);
  await sending;
  client.close();
});

Deno.test("TlsConnection.closeWrite() fails if its end cannot be sent", async () => {
  await using listener = await listenLoopback();
  const [client, accepted] = await pair(listener);
  using _accepted = accepted;
  // The peer does not read: a write waits, and so does the end after it.
  const { pending } = await fillUp(client);
  const writing = assertCode(pending, "closed", "closed locally");
  const ending = assertCode(client.closeWrite(), "closed", "closed locally");
  client.close();
  await Promise.all([writing, ending]);
});
