import { assertEquals } from "@std/assert";
import {
  connect,
  createServer,
  notification,
  protocol,
  unary,
} from "../../lib/messages/mod.ts";
import { memoryPair } from "../../lib/transport/mod.ts";

const Prices = protocol({
  name: "prices",
  server: {
    join: unary<string, number>(),
    leave: unary<string, number>(),
  },
  client: { price: notification<{ sku: string; cents: number }>() },
});

function pricesServer() {
  return createServer(Prices, {
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

async function client(server: PricesServer, heard: unknown[]) {
  const [near, far] = memoryPair();
  server.accept(far);
  return await connect(Prices, near, {
    handlers: { price: (quote) => void heard.push(quote) },
  });
}

Deno.test("topic().publish sends to those who are subscribed, broadcast to all", async () => {
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
  // A call's answer comes after what was sent before it.
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

Deno.test("subscribe() gives what unsubscribes when disposed, and does nothing for a session that has ended", async () => {
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
