/**
 * Messages that were published right before a session closes arrive.
 *
 * @module
 */
import {
  connect,
  createServer,
  notification,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import { memoryPair } from "@lengthwise/lengthwise/testing";
import { assertEquals, assertMatch } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  client: { news: notification<Uint8Array>() },
});

const ENDS: Readonly<
  Record<
    string,
    (server: Awaited<ReturnType<typeof open>>["server"]) => unknown
  >
> = {
  "session.close()": (server) => [...server.sessions][0]!.close(),
  "session.drain()": (server) => [...server.sessions][0]!.drain(),
  "server.shutdown()": (server) => server.shutdown(),
};

async function open(received: number[]) {
  const server = await serve(P, { port: 0 }).handle({});
  const session = await connect(P, server.addr, {
    handlers: { news: (bytes) => void received.push(bytes.length) },
  });
  return { server, session };
}

for (const [name, end] of Object.entries(ENDS)) {
  for (const size of [100, 300_000]) {
    Deno.test(`${name} sends messages of ${size} bytes that were published before`, async () => {
      const received: number[] = [];
      const { server, session } = await open(received);
      for (let i = 0; i < 3; i++) server.broadcast.news(new Uint8Array(size));
      server.topic("t").subscribe([...server.sessions][0]!);
      server.topic("t").publish.news(new Uint8Array(size));
      await end(server);
      await session.finished;
      await session.close();
      assertEquals(received, [size, size, size, size]);
      await server.shutdown();
    });
  }
}

Deno.test(
  "close(reason) of any text is harmless and reaches the peer",
  none,
  async () => {
    const Empty = protocol({
      name: "empty",
      server: { one: unary<void, void>() },
    });
    const reasons: [reason: string, expected: RegExp][] = [
      ["bye", /: bye$/],
      ["", /./],
      ["x".repeat(100_000), /: x{100,2000}.{0,3}$/],
      ["\x1b[2J\u202eFORGED", /: \P{C}*FORGED$/u],
      ["a\ud800b", /: a.+b$/],
    ];
    for (const [reason, expected] of reasons) {
      for (const closes of ["client", "server"]) {
        const server = createServer(Empty).handle({ one() {} });
        const [near, far] = memoryPair();
        server.accept(far);
        const client = await connect(Empty, near);
        await client.remote.one();
        const [served] = server.sessions;
        const [own, peer] = closes === "client"
          ? [client, served!]
          : [served!, client];
        await own.close(reason);
        assertEquals((await own.finished).remote, false);
        const { message, remote } = await peer.finished;
        assertEquals(remote, true);
        assertMatch(message, expected);
        await Promise.all([server.abort(), server.abort(), server.shutdown()]);
      }
    }
  },
);
