/**
 * Messages that were published right before a session closes arrive.
 *
 * @module
 */
import { connect, notification, protocol, serve } from "@lengthwise/lengthwise";
import { assertEquals } from "@std/assert";

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
