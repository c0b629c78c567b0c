/**
 * A client that ends its stream after a request is still answered.
 *
 * @module
 */
import {
  clientStream,
  createServer,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import {
  connect as connectSocket,
  type Connection,
  listen,
  type ListenAddress,
} from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import {
  authority,
  server as certificate,
} from "../../transport/tls/certificates.ts";
import { serveOverWebSocket, turns } from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";

const P = protocol({
  name: "p",
  server: {
    add: unary<number, number>(),
    log: notification<string>(),
    sum: clientStream<number, number>(),
    bytes: unary<number, Uint8Array>(),
    count: serverStream<number, number>(),
  },
});
const METHODS = [
  ...[["add", 0], ["log", 1], ["sum", 3]] as const,
  ...[["bytes", 0], ["count", 2]] as const,
];
/** Longer than the link holds, a frame, and every window. */
const LARGE = 3_000_000;

async function open(
  options: {
    address?: ListenAddress;
    authenticate?: () => Promise<undefined>;
    pause?: number;
  } = {},
) {
  const logged: string[] = [];
  const server = createServer(P, { authenticate: options.authenticate })
    .handle({
      async add(n) {
        await turns(options.pause ?? 3);
        return n + 1;
      },
      log: (text) => void logged.push(text),
      async sum(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        await turns(3);
        return sum;
      },
      bytes: (length) => new Uint8Array(length),
      async *count(upTo) {
        for (let n = 0; n < upTo; n++) yield n;
      },
    });
  const { address = { port: 0 } } = options;
  const listener = await listen(address);
  await server.listen(listener);
  const tls = typeof address === "object" && "tls" in address
    ? { caCerts: [authority.cert] }
    : undefined;
  const connection = await connectSocket(
    tls === undefined ? listener.addr : { port: portOf(listener.addr), tls },
  );
  return { server, connection, peer: new RawPeer(connection), logged };
}

function portOf(address: { port?: number | undefined }): number {
  return address.port ?? 0;
}

/** Reads the replies to a small call, a large one, and a stream. */
async function answered(peer: RawPeer): Promise<void> {
  const items: (number | undefined)[] = [];
  const small: number[] = [];
  let large = 0;
  while (small.length < 2 || large < LARGE) {
    const { kind, id, body } = await peer.next();
    if (kind === K.ITEM) items.push(body.at(-1));
    if (kind !== K.RESULT) continue;
    if (id === 3) large += body.length;
    else small.push(id);
    if (id === 1) assertEquals(body.at(-1), 42);
  }
  assertEquals(items, [0, 1, 2]);
  assertEquals(small.sort(), [1, 5]);
}

/** Reads until the peer ends its stream. */
async function ended(connection: Connection): Promise<void> {
  const buffer = new Uint8Array(1_024);
  while (await connection.read(buffer) !== null);
}

for (
  const [where, address] of Object.entries<ListenAddress>({
    TCP: { port: 0 },
    memory: { memory: "half-close" },
    "a Unix socket": { path: "\0half-close" },
    TLS: { port: 0, tls: certificate },
  })
) {
  Deno.test(`a server answers a half-closed client over ${where}`, async () => {
    const { server, connection, peer } = await open({ address });
    await peer.hello({ methods: METHODS });
    await peer.frame(K.REQUEST, 1, request(0, value(41)));
    await peer.frame(K.REQUEST, 3, request(3, value(LARGE)));
    await peer.frame(K.REQUEST, 5, request(4, value(3)));
    await peer.connection.closeWrite();
    await answered(peer);
    await connection[Symbol.asyncDispose]();
    await server.shutdown({ grace: 0 });
  });
}

Deno.test("a server answers a half-closed client over WebSocket", async () => {
  const { server, connection: unused } = await open();
  const http = serveOverWebSocket(server);
  const connection = await connectSocket(http.url);
  const peer = new RawPeer(connection);
  await peer.hello({ methods: METHODS });
  await peer.frame(K.REQUEST, 1, request(0, value(41)));
  await peer.frame(K.REQUEST, 3, request(3, value(LARGE)));
  await peer.frame(K.REQUEST, 5, request(4, value(3)));
  await connection.closeWrite();
  await answered(peer);
  await connection[Symbol.asyncDispose]();
  await unused[Symbol.asyncDispose]();
  await server.shutdown({ grace: 0 });
  await http.end();
});

Deno.test("a server answers a half-closed client that waits for authentication", async () => {
  const { server, connection, peer, logged } = await open({
    authenticate: async () => void await turns(5) as undefined,
  });
  await peer.hello({ methods: METHODS });
  await peer.frame(K.NOTIFY, 0, request(1, value("early")));
  await peer.frame(K.REQUEST, 1, request(0, value(41)));
  await peer.connection.closeWrite();
  const { body } = await peer.until(K.RESULT);
  assertEquals(body.at(-1), 42);
  assertEquals(logged, ["early"]);
  await connection[Symbol.asyncDispose]();
  await server.shutdown({ grace: 0 });
});

Deno.test("a server leaves a client that half-closes before it is accepted", async () => {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const { server, connection, peer } = await open({
    authenticate: () => promise,
  });
  await peer.hello({ methods: METHODS });
  await peer.connection.closeWrite();
  const late = Promise.withResolvers<string>();
  const timer = setTimeout(late.resolve, 2_000, "it waits");
  const end = ended(peer.connection).then(() => "it leaves");
  assertEquals(await Promise.race([end, late.promise]), "it leaves");
  clearTimeout(timer);
  resolve(undefined);
  await connection[Symbol.asyncDispose]();
  await server.shutdown({ grace: 0 });
});

Deno.test("a server answers an upload whose client half-closes after its END", async () => {
  const { server, connection, peer } = await open();
  await peer.hello({ methods: METHODS });
  await peer.frame(K.REQUEST, 1, request(2, new Uint8Array(2)), 0);
  await peer.frame(K.ITEM, 1, value(20));
  await peer.frame(K.ITEM, 1, value(22));
  await peer.frame(K.END, 1, new Uint8Array(2));
  await peer.connection.closeWrite();
  const { body } = await peer.until(K.RESULT);
  assertEquals(body.at(-1), 42);
  await connection[Symbol.asyncDispose]();
  await server.shutdown({ grace: 0 });
});

Deno.test("a server handles notifications whose client has half-closed", async () => {
  const { server, connection, peer, logged } = await open();
  await peer.hello({ methods: METHODS });
  for (let i = 0; i < 50; i++) {
    await peer.frame(K.NOTIFY, 0, request(1, value(String(i))));
  }
  await peer.connection.closeWrite();
  await ended(peer.connection);
  assertEquals(logged.length, 50);
  await connection[Symbol.asyncDispose]();
  await server.shutdown({ grace: 0 });
});
