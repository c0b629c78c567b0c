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
  unary,
} from "@lengthwise/lengthwise";
import {
  connect as connectSocket,
  type Connection,
  listen,
  type ListenAddress,
} from "@lengthwise/lengthwise/transport";
import { assertEquals } from "@std/assert";
import { turns } from "../kit.ts";
import { K, RawPeer, request, value } from "../raw_peer.ts";

const P = protocol({
  name: "p",
  server: {
    add: unary<number, number>(),
    log: notification<string>(),
    sum: clientStream<number, number>(),
  },
});
const METHODS = [["add", 0], ["log", 1], ["sum", 3]] as const;

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
    });
  const listener = await listen(options.address ?? { port: 0 });
  await server.listen(listener);
  const connection = await connectSocket(listener.addr);
  return { server, connection, peer: new RawPeer(connection), logged };
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
  })
) {
  Deno.test(`a server answers a half-closed client over ${where}`, async () => {
    const { server, connection, peer } = await open({ address });
    await peer.hello({ methods: METHODS });
    await peer.frame(K.REQUEST, 1, request(0, value(41)));
    await peer.connection.closeWrite();
    const { body } = await peer.until(K.RESULT);
    assertEquals(body.at(-1), 42);
    await connection[Symbol.asyncDispose]();
    await server.shutdown({ grace: 0 });
  });
}

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
