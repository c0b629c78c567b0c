/**
 * A peer that leaves its calls as fast as it can is slowed down, not punished.
 *
 * @module
 */
import { connect, createServer } from "@lengthwise/lengthwise";
import { assertEquals } from "@std/assert";
import { Every } from "../every_shape.ts";
import { dial, inVirtualTime, serveOverWebSocket } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const handlers = {
  one: (n: number) => n + 1,
  note() {},
  async *down() {
    for (let n = 0;; n++) yield n;
  },
  async up(items: AsyncIterable<number>) {
    let count = 0;
    for await (const _ of items) count++;
    return count;
  },
  async *both(items: AsyncIterable<number>) {
    yield 0;
    for await (const item of items) yield item;
  },
};

const STORMS = {
  "streams left at once": async ({ remote }: Own) => {
    for await (const _ of remote.down(0)) break;
  },
  "uploads cancelled at once": async ({ remote }: Own) => {
    const call = remote.up();
    call.send(1).catch(() => {});
    call.cancel();
    await call.result.catch(() => {});
  },
  "conversations disposed at once": async ({ remote }: Own) => {
    await using call = remote.both();
    call.send(1).catch(() => {});
  },
  "calls aborted at once": async ({ remote }: Own) => {
    const controller = new AbortController();
    const call = remote.one(1, { signal: controller.signal });
    controller.abort();
    await call.then(() => {}, () => {});
  },
  "deadlines that pass at once": async ({ remote }: Own) => {
    await remote.one(1, { timeout: 0.001 }).then(() => {}, () => {});
  },
};
type Own = Pick<Awaited<ReturnType<typeof open>>["session"], "remote">;

async function open() {
  const server = createServer(Every).handle(handlers);
  const session = await connect(Every, dial(server), { handlers });
  return { server, session };
}

Deno.test(
  "a client survives refreshes one after the other",
  none,
  inVirtualTime(async () => {
    const seen: unknown[] = [];
    const server = createServer(Every, {
      authenticate: (credentials) => void seen.push(credentials),
    }).handle(handlers);
    const session = await connect(Every, dial(server), { handlers });
    for (let n = 0; n < 50; n++) await session.refresh(n); // one each second
    assertEquals([seen.length, await session.remote.one(41)], [51, 42]);
    await session.close();
    await server.shutdown();
  }),
);

Deno.test(
  "a session survives joining and leaving topics in a loop",
  none,
  async () => {
    const { server, session } = await open();
    const [own] = [...server.sessions];
    const topic = server.topic("t");
    for (let n = 0; n < 1_400; n++) {
      const subscription = topic.subscribe(own!);
      topic.publish.note(n);
      subscription[Symbol.dispose]();
    }
    assertEquals(await own!.remote.one(41), 42);
    assertEquals(topic.size, 0);
    await session.close();
    await server.shutdown();
  },
);

Deno.test("a client survives calls aborted at once over WebSocket", async () => {
  const server = createServer(Every).handle(handlers);
  const http = serveOverWebSocket(server);
  const session = await connect(Every, http.url, { handlers });
  const storm = STORMS["calls aborted at once"];
  for (let round = 0; round < 7; round++) {
    await Promise.all(Array.from({ length: 200 }, () => storm(session)));
  }
  assertEquals(await session.remote.one(41), 42);
  await session.close();
  await server.shutdown();
  await http.end();
});

for (const side of ["client", "server"] as const) {
  for (const [name, storm] of Object.entries(STORMS)) {
    Deno.test(`a ${side} survives ${name}`, none, async () => {
      const { server, session } = await open();
      const own = side === "client" ? session : [...server.sessions][0]!;
      // More calls than a burst, which has `maxCalls`.
      for (let round = 0; round < 7; round++) {
        await Promise.all(Array.from({ length: 200 }, () => storm(own)));
      }
      assertEquals(await own.remote.one(41), 42);
      await session.close();
      await server.shutdown();
    });
  }
}
