import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  connect,
  createServer,
  notification,
  protocol,
  unary,
} from "../../../lib/messages/mod.ts";
import type { SlowOptions } from "../../../lib/messages/broadcast/fanout.ts";
import type { Connection } from "../../../lib/transport/mod.ts";
import { Gated } from "../gated.ts";
import { dial, turns } from "../kit.ts";

const Prices = protocol({
  name: "prices",
  server: {
    join: unary<string, number>(),
    leave: unary<string, number>(),
  },
  client: { price: notification<{ sku: string; cents: number }>() },
});

function pricesServer() {
  return createServer(Prices).handle({
    join(name, { session }) {
      const topic = session.server.topic(name);
      topic.subscribe(session);
      return topic.size;
    },
    leave(name, { session }) {
      const topic = session.server.topic(name);
      topic.unsubscribe(session);
      return topic.size;
    },
  });
}

type PricesServer = ReturnType<typeof pricesServer>;

async function client(
  server: PricesServer,
  heard: unknown[],
  connection: Connection = dial(server),
) {
  return await connect(Prices, connection, {
    handlers: { price: (quote) => void heard.push(quote) },
  });
}

Deno.test("topic().publish sends to subscribers, broadcast to all sessions", async () => {
  await using server = pricesServer();
  const heard: unknown[][] = [[], [], []];
  const sessions = await Promise.all(heard.map((list) => client(server, list)));
  assertEquals(await sessions[0]!.remote.join("fruit"), 1);
  assertEquals(await sessions[1]!.remote.join("fruit"), 2);
  assertEquals(
    server.topic("fruit").publish.price({ sku: "pear", cents: 5 }),
    2,
  );
  assertEquals(
    server.topic("nuts").publish.price({ sku: "hazel", cents: 9 }),
    0,
  );
  assertEquals(server.broadcast.price({ sku: "all", cents: 1 }), 3);
  // A call's response arrives after everything sent before it.
  for (const session of sessions) await session.remote.leave("other");
  const pear = { sku: "pear", cents: 5 };
  const all = { sku: "all", cents: 1 };
  assertEquals(heard, [[pear, all], [pear, all], [all]]);
  assertEquals(server.topic("fruit").stats.delivered, 2);
  assertEquals(server.broadcastStats.delivered, 3);
  for (const session of sessions) await session.close();
});

Deno.test("a session leaves its topics when it unsubscribes and when it ends", async () => {
  await using server = pricesServer();
  const one = await client(server, []);
  const two = await client(server, []);
  await one.remote.join("fruit");
  await two.remote.join("fruit");
  const topic = server.topic("fruit");
  assertEquals(await one.remote.leave("fruit"), 1);
  const [left] = server.topic("fruit").sessions;
  await two.close();
  await left?.finished;
  assertEquals(topic.size, 0);
  assertEquals(topic.publish.price({ sku: "x", cents: 0 }), 0);
  await one.close();
});

Deno.test("a topic without subscribers is forgotten with its statistics", async () => {
  await using server = pricesServer();
  const topic = server.topic("fruit");
  for (const ends of [false, true]) {
    const session = await client(server, []);
    await session.remote.join("fruit");
    const [joined] = topic.sessions;
    topic.publish.price({ sku: "pear", cents: 5 });
    await session.remote.leave("other");
    assertEquals(topic.stats.delivered, 1);
    if (ends) {
      await session.close();
      await joined?.finished;
    } else await session.remote.leave("fruit");
    assertEquals([topic.size, topic.stats.delivered], [0, 0]);
    await session.close();
  }
});

Deno.test("subscribe() returns a disposable, and ignores a session that has ended", async () => {
  await using server = pricesServer();
  const one = await client(server, []);
  const [session] = server.sessions;
  const topic = server.topic("fruit");
  {
    using _subscription = topic.subscribe(session!);
    assertEquals(topic.size, 1);
  }
  assertEquals(topic.size, 0);
  await one.close();
  await session!.finished;
  topic.subscribe(session!);
  assertEquals(topic.size, 0);
});

// ── slow subscribers ─────────────────────────────────────────────────────

const PUBLISHED = 100;
const LARGE = "x".repeat(16_000);

/** A subscribed client with its session on a real server. */
async function subscriber(server: PricesServer) {
  const heard: { cents: number }[] = [];
  const gate = new Gated(dial(server));
  const session = await client(server, heard, gate);
  const served = [...server.sessions].at(-1);
  assert(served);
  return {
    gate,
    session,
    served,
    heard: () => heard.map(({ cents }) => cents),
  };
}

type Subscriber = Awaited<ReturnType<typeof subscriber>>;

/** Publishes to a client that reads and to others that stop reading until all is published. */
async function publishTo(
  options: readonly SlowOptions[],
  keyOf?: (n: number) => number,
) {
  const server = pricesServer();
  const topic = server.topic("news");
  const fast = await subscriber(server);
  topic.subscribe(fast.served, { slow: "disconnect", maxQueued: 1 });
  const slow: Subscriber[] = [];
  for (const each of options) {
    const one = await subscriber(server);
    topic.subscribe(one.served, each);
    one.gate.shut();
    slow.push(one);
  }
  for (let cents = 0; cents < PUBLISHED; cents++) {
    const options = keyOf && { key: keyOf(cents) };
    topic.publish.price({ sku: LARGE, cents }, options);
    await hearsAll(fast);
  }
  return { server, topic, fast, slow };
}

/** Waits for a call: its response arrives after everything sent before it. */
async function hearsAll({ session }: Subscriber): Promise<void> {
  await session.remote.leave("other");
}

/** Resumes reading until the given number of messages has been received. */
async function readsOn(slow: Subscriber, count: number): Promise<void> {
  slow.gate.open();
  for (let n = 0; n < 1000 && slow.heard().length < count; n++) await turns();
  await hearsAll(slow);
}

/** Numbers from the first up to, but not including, the last. */
function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first }, (_, n) => first + n);
}

/** Messages that a connection's buffers accepted before messages were queued. */
function taken({ topic }: Awaited<ReturnType<typeof publishTo>>): number {
  const count = topic.stats.delivered - PUBLISHED; // the fast client has received all
  assert(count > 0 && count < PUBLISHED / 2, `${count} were taken`);
  return count;
}

/** Numbers that a subscriber receives in the end, given how many were sent at first. */
const HEARD = {
  "drop-oldest": (sent: number, queued: number) => [
    ...numbers(0, sent),
    ...numbers(PUBLISHED - queued, PUBLISHED),
  ],
  "drop-newest": (sent: number, queued: number) => numbers(0, sent + queued),
} as const;

for (const slow of ["drop-oldest", "drop-newest"] as const) {
  Deno.test(`subscribe() with ${slow} keeps as many messages as maxQueued says when its subscriber stops reading`, async () => {
    const maxQueued = 3;
    const news = await publishTo([{ slow, maxQueued }]);
    const sent = taken(news);
    const [one] = news.slow;
    assert(one);
    const expected = HEARD[slow](sent, maxQueued);
    await readsOn(one, expected.length);
    assertEquals(one.heard(), expected);
    assertEquals(news.fast.heard(), numbers(0, PUBLISHED));
    assertEquals({ ...news.topic.stats }, {
      published: PUBLISHED,
      delivered: PUBLISHED + sent + maxQueued,
      dropped: PUBLISHED - sent - maxQueued,
      conflated: 0,
      disconnected: 0,
      ...{ queued: 0, queuedBytes: 0, mostQueuedBytes: 0 },
    });
    await news.server.shutdown();
  });
}

Deno.test("subscribe() with disconnect ends only the session of a subscriber that stops reading", async () => {
  const news = await publishTo([{ slow: "disconnect", maxQueued: 3 }]);
  const sent = taken(news);
  const [one] = news.slow;
  assert(one);
  assertEquals((await one.served.finished)?.code, "unsent");
  one.gate.open();
  await one.session.finished;
  assertEquals(one.heard(), numbers(0, one.heard().length));
  assertEquals(news.fast.heard(), numbers(0, PUBLISHED));
  assertEquals([...news.topic.sessions], [news.fast.served]);
  assertEquals({ ...news.topic.stats }, {
    published: PUBLISHED,
    delivered: PUBLISHED + sent,
    dropped: 0,
    conflated: 0,
    disconnected: 1,
    ...{ queued: 0, queuedBytes: 0, mostQueuedBytes: 0 },
  });
  await news.server.shutdown();
});

Deno.test("subscribe() keeps the last message of each key when its subscriber stops reading", async () => {
  const news = await publishTo(
    [{ slow: "disconnect", maxQueued: 2 }],
    (n) => n % 2,
  );
  const sent = taken(news);
  const [one] = news.slow;
  assert(one);
  await readsOn(one, sent + 2);
  const last = numbers(PUBLISHED - 2, PUBLISHED);
  assertEquals(one.heard().slice(0, sent), numbers(0, sent));
  assertEquals(one.heard().slice(sent).sort(), last);
  const { delivered, dropped, conflated, disconnected } = news.topic.stats;
  assertEquals([delivered, dropped, conflated, disconnected], [
    PUBLISHED + sent + 2,
    0,
    PUBLISHED - sent - 2,
    0,
  ]);
  await news.server.shutdown();
});

Deno.test("subscribe() applies a separate policy to each subscriber of a topic", async () => {
  const options = [
    { slow: "drop-oldest", maxQueued: 2 },
    { slow: "drop-newest", maxQueued: 5 },
  ] as const;
  const news = await publishTo(options);
  // Both connections have accepted the same number: their buffers are equal.
  const sent = (news.topic.stats.delivered - PUBLISHED) / 2;
  let delivered = PUBLISHED;
  for (const [n, { slow, maxQueued }] of options.entries()) {
    const expected = HEARD[slow](sent, maxQueued);
    await readsOn(news.slow[n]!, expected.length); // one for each set of options
    assertEquals(news.slow[n]?.heard(), expected);
    delivered += expected.length;
  }
  assertEquals(news.fast.heard(), numbers(0, PUBLISHED));
  assertEquals(news.topic.stats.delivered, delivered);
  assertEquals(news.topic.stats.dropped, 3 * PUBLISHED - delivered);
  await news.server.shutdown();
});

Deno.test("topic() rejects what is not a name", async () => {
  const server = pricesServer();
  for (
    const [name, type] of [[undefined, "undefined"], [5, "number"]] as const
  ) {
    const topic = () => server.topic(name as unknown as string); // as JavaScript may
    assertThrows(topic, TypeError, `${type} as a topic: expected its name`);
  }
  await server.shutdown();
});
