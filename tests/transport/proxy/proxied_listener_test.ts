import {
  connect,
  listen,
  type ListenOptions,
  readExactly,
  startTls,
  type TransportError,
  writeAll,
} from "@lengthwise/lengthwise/transport";
import {
  connect as connectSession,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import { assertEquals, assertRejects } from "@std/assert";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import type { Connection } from "../../../lib/transport/connection.ts";
import { memoryPair } from "../../../lib/transport/memory/memory_pair.ts";
import {
  ProxiedListener,
  resolveProxyProtocol,
} from "../../../lib/transport/proxy/proxied_listener.ts";
import { SocketConnectionImpl } from "../../../lib/transport/socket_connection_impl.ts";
import { SocketListenerImpl } from "../../../lib/transport/socket_listener_impl.ts";
import { BoundedHandshakes } from "../../../lib/transport/tls/bounded_handshakes.ts";
import { authority, server as certificate } from "../tls/certificates.ts";
import { ascii, INET, join, v2, value } from "./headers.ts";

const V1 = ascii("PROXY TCP4 192.0.2.7 198.51.100.1 4660 443\r\n");
const CLIENT = { transport: "tcp", hostname: "192.0.2.7", port: 4660 };
const from = ["127.0.0.1"];

Deno.test("listen({ proxyProtocol }) reads a header in single bytes, and what follows it", async () => {
  await using listener = await listen({ port: 0 }, {
    proxyProtocol: { from },
  });
  for (const header of [V1, v2({ checksum: true })]) {
    using client = await connect(listener.addr);
    const accepted = listener.accept();
    for (const byte of header) await writeAll(client, Uint8Array.of(byte));
    await writeAll(client, ascii("hello"));
    await using connection = await accepted;
    const hello = new Uint8Array(5);
    await readExactly(connection, hello);
    assertEquals(hello, ascii("hello"));
    assertEquals(connection.remoteAddr, CLIENT);
    const { proxy, remoteAddr } = connection.info;
    assertEquals(remoteAddr, CLIENT);
    assertEquals(proxy?.source, CLIENT);
    assertEquals(proxy?.destination?.port, 443);
    assertEquals(proxy?.proxyAddr, client.localAddr);
    await writeAll(connection, ascii("bye"));
    const bye = new Uint8Array(3);
    await readExactly(client, bye);
    assertEquals(bye, ascii("bye"));
    client.close(); // the connection waits for it
  }
});

Deno.test("listen({ proxyProtocol }) passes on the bytes in the segment of the header", async () => {
  await using listener = await listen({ port: 0 }, {
    proxyProtocol: { from },
  });
  using client = await connect(listener.addr);
  const data = new Uint8Array(1_000).map((_, at) => at);
  await writeAll(client, join(V1, data));
  await using connection = await listener.accept();
  const received = new Uint8Array(1_000);
  assertEquals(await connection.read(received.subarray(0, 2)), 2);
  await readExactly(connection, received.subarray(2));
  assertEquals(received, data);
  await client.closeWrite();
  assertEquals(await connection.read(received), null);
});

Deno.test("listen({ proxyProtocol }) uses the real address of a LOCAL connection", async () => {
  await using listener = await listen({ port: 0 }, {
    proxyProtocol: { from },
  });
  using client = await connect(listener.addr);
  await writeAll(client, v2({ command: 0x20 })); // with addresses
  await using connection = await listener.accept();
  assertEquals(connection.remoteAddr, client.localAddr);
  assertEquals(connection.info.proxy?.command, "local");
  assertEquals(connection.info.proxy?.source, undefined);
});

Deno.test("listen({ proxyProtocol }) accepts a Unix socket as a proxy if it is listed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/s`;
    const refused = Promise.withResolvers<TransportError>();
    const onRefused = refused.resolve;
    {
      await using listener = await listen({ path }, {
        proxyProtocol: { from: ["unix"] },
      });
      using client = await connect({ path });
      await writeAll(client, V1);
      await using connection = await listener.accept();
      assertEquals(connection.remoteAddr, CLIENT);
    }
    await using _other = await listen({ path }, {
      proxyProtocol: { from, onRefused },
    });
    using client = await connect({ path });
    await writeAll(client, V1).catch(() => {}); // the server may have closed it
    assertEquals((await refused.promise).code, "forbidden");
    assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Writes some bytes to a listener, and returns why it refuses the client. */
async function refusal(
  bytes: Uint8Array,
  { ends = false, ...options }: Partial<ListenOptions["proxyProtocol"]> & {
    ends?: boolean;
  } = {},
): Promise<TransportError> {
  const refused = Promise.withResolvers<TransportError>();
  await using listener = await listen({ port: 0 }, {
    proxyProtocol: { from, onRefused: refused.resolve, ...options },
  });
  using client = await connect(listener.addr);
  await writeAll(client, bytes).catch(() => {}); // the server may have closed it
  if (ends) await client.closeWrite();
  const error = await refused.promise;
  assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
  assertEquals(listener.connections, 0);
  return error;
}

Deno.test("listen({ proxyProtocol }) refuses clients without an acceptable header", async () => {
  const code = async (
    bytes: Uint8Array,
    options?: Parameters<typeof refusal>[1],
  ) => (await refusal(bytes, options)).code;
  assertEquals(await code(ascii("GET / HTTP/1.1\r\n")), "protocol");
  assertEquals(
    await code(ascii(`PROXY UNKNOWN ${"x".repeat(200)}`)),
    "protocol",
  );
  const long = v2({ rest: join(INET, value(4, new Uint8Array(300))) });
  assertEquals(await code(long, { maxHeader: 256 }), "protocol");
  assertEquals(await code(V1.subarray(0, 20), { ends: true }), "truncated");
  assertEquals(await code(V1.subarray(0, 20), { timeout: 5 }), "timeout");
  assertEquals(await code(new Uint8Array(0), { timeout: 5 }), "timeout");
  assertEquals(await code(V1, { from: ["192.0.2.0/24"] }), "forbidden");
});

Deno.test("listen({ proxyProtocol }) reports no client that leaves before its first byte", async () => {
  const refused: TransportError[] = [];
  await using listener = await listen({ port: 0 }, {
    proxyProtocol: { from, onRefused: (error) => refused.push(error) },
  });
  {
    await using probe = await connect(listener.addr);
    await probe.closeWrite();
    assertEquals(await probe.read(new Uint8Array(1)), null);
  }
  using client = await connect(listener.addr);
  await writeAll(client, V1);
  await using connection = await listener.accept();
  assertEquals([connection.remoteAddr, refused], [CLIENT, []]);
});

Deno.test("listen({ proxyProtocol }) closes clients whose header is incomplete with the listener", async () => {
  const listener = await listen({ port: 0 }, { proxyProtocol: { from } });
  const accepted = assertRejects(() => listener.accept());
  using client = await connect(listener.addr);
  await writeAll(client, V1.subarray(0, 20));
  listener.close();
  await accepted;
  await listener[Symbol.asyncDispose]();
  assertEquals(await client.read(new Uint8Array(1)).catch(() => null), null);
});

Deno.test("listen({ tls, proxyProtocol }) reads the header before the handshake", async () => {
  await using listener = await listen({ port: 0, tls: certificate }, {
    proxyProtocol: { from },
  });
  const raw = await connect({ port: listener.addr.port! });
  const hello = Promise.withResolvers<Uint8Array>();
  // Sends the header and the first record of TLS in one segment.
  let first = true;
  const together: Connection = {
    localAddr: raw.localAddr,
    remoteAddr: raw.remoteAddr,
    read: (buffer) => raw.read(buffer),
    async write(data) {
      if (!first) return await raw.write(data);
      first = false;
      hello.resolve(data);
      await writeAll(raw, join(v2(), data));
      return data.length;
    },
    closeWrite: () => raw.closeWrite(),
    close: () => raw.close(),
    [Symbol.dispose]: () => raw[Symbol.dispose](),
  };
  const [client, connection] = await Promise.all([
    startTls(together, { serverName: "127.0.0.1", caCerts: [authority.cert] }),
    listener.accept(),
  ]);
  assertEquals((await hello.promise)[0], 0x16);
  assertEquals(connection.remoteAddr, CLIENT);
  assertEquals(connection.info.remoteAddr, CLIENT);
  assertEquals(connection.info.proxy?.proxyAddr, raw.localAddr);
  await writeAll(connection, ascii("secret"));
  const received = new Uint8Array(6);
  await readExactly(client, received);
  assertEquals(received, ascii("secret"));
  client.close();
  await connection[Symbol.asyncDispose]();
});

Deno.test("ProxiedListener lets handshakes be limited by the address of the client", async () => {
  using time = virtualTime();
  const dropped: string[] = [];
  const hosts = ["192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"];
  const pairs = hosts.map(() => memoryPair());
  const waiting = pairs.map(([, socket]) => socket);
  const end = Promise.withResolvers<never>();
  const sockets = new SocketListenerImpl({
    addr: { transport: "memory", name: "proxied" },
    accept: async (options) => {
      const socket = waiting.shift() ?? await end.promise;
      const remoteAddr = { transport: "tcp", hostname: "10.0.0.1", port: 1 };
      return new SocketConnectionImpl(
        { ...bound(socket), localAddr: socket.localAddr, remoteAddr },
        options,
      );
    },
    close: () => end.reject(new Error("closed")),
  }, { maxConnections: Infinity });
  const proxies = resolveProxyProtocol({ from: ["10.0.0.0/8"] });
  const handshakes = new BoundedHandshakes(
    new ProxiedListener(sockets, proxies, {}),
    {
      tlsOptions: () => certificate,
      requireAlpn: false,
      handshakeTimeout: 60_000,
      maxHandshakes: 3,
      onHandshakeError: ({ address }) => void dropped.push(address),
    },
  );
  for (const [index, [client]] of pairs.entries()) {
    await writeAll(
      client,
      ascii(`PROXY TCP4 ${hosts[index]} 192.0.2.9 ${index} 443\r\n`),
    );
  }
  await time.advance(1_100);
  // The first host's handshake is older, but there is one of it.
  assertEquals(dropped, ["tcp://192.0.2.2:1"]);
  handshakes.close();
  for (const [client] of pairs) client.close();
  await time.run(handshakes.stopped());
  await time.advance(10_000);
});

function bound(
  socket: Connection,
): Omit<Connection, "localAddr" | "remoteAddr"> {
  return {
    read: (buffer) => socket.read(buffer),
    write: (data) => socket.write(data),
    closeWrite: () => socket.closeWrite(),
    close: () => socket.close(),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

Deno.test("serve({ transport: { proxyProtocol } }) shows authenticate and sessions the client's address", async () => {
  const Who = protocol({ name: "who", server: { who: unary<null, string>() } });
  const seen: unknown[] = [];
  await using server = await serve(Who, { port: 0 }, {
    transport: { proxyProtocol: { from } },
    authenticate: (_credentials, { remoteAddr, proxy }) => {
      seen.push(remoteAddr, proxy?.version, proxy?.authority);
    },
  }).handle({
    who: (_, { session }) =>
      `${session.remoteAddr.hostname} ${session.proxy?.authority}`,
  });
  const connection = await connect({ port: server.addr.port! });
  await writeAll(
    connection,
    v2({ rest: join(INET, value(2, ascii("a.example"))) }),
  );
  await using session = await connectSession(Who, connection);
  assertEquals(await session.remote.who(null), "192.0.2.7 a.example");
  assertEquals(seen, [CLIENT, 2, "a.example"]);
});

Deno.test("listen({ proxyProtocol }) rejects options that are invalid or have no effect", async () => {
  const rejects = async (
    proxyProtocol: object,
    message: string,
    type: typeof TypeError | typeof RangeError,
  ) => {
    const given = proxyProtocol as { from: string[] }; // a JavaScript program's
    const listening = listen({ port: 0 }, { proxyProtocol: given });
    await assertRejects(() => listening, type, message);
  };
  await rejects({}, 'without "from"', TypeError);
  await rejects({ from: [] }, 'without "from"', TypeError);
  await rejects({ from: ["10.0.0.0/40"] }, '"10.0.0.0/40"', TypeError);
  await rejects({ from: [1] }, "as a source", TypeError);
  await rejects({ from, trusted: [] }, '"trusted"', TypeError);
  await rejects({ from, timeout: 0 }, "proxyProtocol.timeout", RangeError);
  await rejects({ from, maxHeader: 231 }, "232 to 65551", RangeError);
  await rejects({ from, maxHeader: 65_552 }, "65552", RangeError);
  await assertRejects(
    () => listen({ memory: "proxied" }, { proxyProtocol: { from } }),
    TypeError,
    "no proxy connects in memory",
  );
});
