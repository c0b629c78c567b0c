/**
 * A client whose session is drained opens the next one first: calls in flight end
 * on the old session, and new calls are made on the next one.
 *
 * @module
 */
import {
  createClient,
  notification,
  protocol,
  serve,
  type ServerSession,
  unary,
} from "@lengthwise/lengthwise";
import {
  type SimulatedNetwork,
  simulatedNetwork,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import type { ClientEvent } from "@lengthwise/lengthwise/types";
import { assert, assertEquals, assertLess } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: {
    hold: unary<void, string>(),
    where: unary<void, string>(),
    join: unary<void, void>(),
  },
  client: { news: notification<number>() },
});

const LATENCY = 20;

/** A server whose calls of `hold` end when they are released. */
async function shop(network: SimulatedNetwork, name: string, maxSessions = 1) {
  const held = Promise.withResolvers<void>();
  let count = 0;
  const server = await serve(Shop, network.listen(name), {
    maxSessions,
    state: () => `${name}${++count}`,
  }).handle({
    where: (_, { session }) => session.state,
    async hold(_, { session }) {
      await held.promise;
      return session.state;
    },
    join: (_, { session }) => void server.topic("t").subscribe(session),
  });
  const newest = () => [...server.sessions].at(-1)!;
  return { server, newest, release: () => held.resolve() };
}

/** Drains a session because of its age. */
function drain(session: Pick<ServerSession<typeof Shop>, "drain">) {
  return session.drain({ code: "age", grace: 60_000 });
}

Deno.test(
  "calls move to another server while calls in flight end on the draining one",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: LATENCY });
    const [a, b] = [await shop(network, "a"), await shop(network, "b")];
    const prepared: string[] = [];
    const client = createClient(Shop, [
      network.address("a"),
      network.address("b"),
    ], {
      handlers: { news() {} },
      onSession: async (session) =>
        void prepared.push(await session.remote.where()),
    });
    const events: ClientEvent[] = [];
    (async () => {
      for await (const event of client.events()) events.push(event);
    })();
    assertEquals(await time.run(client.remote.where()), "a1");
    const held = client.remote.hold();
    await time.advance(2_000);
    const stopped = a.server.shutdown({ grace: 60_000 });
    await time.advance(LATENCY); // GOAWAY arrives
    const begun = time.now;
    assertEquals(await time.run(client.remote.where()), "b1");
    // Connecting, HELLO, onSession() and the call: a round trip each.
    assertLess(time.now - begun, 4 * 2 * LATENCY + 20);
    assertEquals(prepared, ["a1", "b1"]); // before the calls that wait
    const [draining] = events.filter(({ kind }) => kind === "draining");
    assertEquals([draining?.address, draining?.delay], ["memory:a", 0]);
    assertEquals(draining?.status, "connecting"); // it does not pause
    a.release();
    assertEquals(await time.run(held), "a1");
    await time.run(stopped);
    await time.run(client.close());
    await time.run(b.server.shutdown());
    assertEquals(time.timers, 0);
  },
);

Deno.test(
  "a session that its server drains does not count, once",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: LATENCY });
    const only = await shop(network, "only"); // one session
    const client = createClient(Shop, network.address("only"), {
      handlers: { news() {} },
    });
    const held: Promise<string>[] = [];
    for (const name of ["only1", "only2"]) {
      assertEquals(await time.run(client.remote.where()), name);
      held.push(client.remote.hold());
      await time.advance(2_000);
      void drain(only.newest());
      await time.advance(LATENCY);
    }
    // Two sessions drain now; one of them counts as the session of this server.
    await time.advance(5_000);
    assertEquals(only.server.sessions.size, 2);
    assertEquals(client.session, undefined);
    only.release();
    assertEquals(await time.run(Promise.all(held)), ["only1", "only2"]);
    assertEquals(await time.run(client.remote.where()), "only3");
    await time.run(client.close());
    await time.run(only.server.shutdown());
    assertEquals(time.timers, 0);
  },
);

Deno.test("a session that its client drains still counts", none, async () => {
  using time = virtualTime();
  const network = simulatedNetwork({ latency: LATENCY });
  const only = await shop(network, "only");
  const options = { handlers: { news() {} } };
  const first = createClient(Shop, network.address("only"), options);
  const held = first.remote.hold();
  await time.run(first.ready());
  await time.advance(2 * LATENCY);
  const drained = first.drain({ grace: 60_000 });
  await time.advance(2 * LATENCY);
  const second = createClient(Shop, network.address("only"), options);
  await time.advance(5_000);
  assertEquals(second.session, undefined);
  only.release();
  await time.run(Promise.all([held, drained, second.ready()]));
  await time.run(second.close());
  await time.run(only.server.shutdown());
});

Deno.test(
  "broadcasts and topics reach an application at most once while its session moves",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: LATENCY });
    const only = await shop(network, "only");
    const heard: number[] = [];
    const client = createClient(Shop, network.address("only"), {
      handlers: { news: (number) => void heard.push(number) },
      onSession: (session) => session.remote.join(),
    });
    await time.run(client.ready());
    const held = client.remote.hold();
    await time.advance(2_000);
    for (let number = 0; number < 300; number++) {
      if (number === 100) void drain(only.newest());
      if (number % 2 === 0) only.server.broadcast.news(number);
      else only.server.topic("t").publish.news(number);
      await time.advance(1);
    }
    assertEquals(await time.run(client.remote.where()), "only2");
    assertEquals(heard, [...new Set(heard)].sort((x, y) => x - y));
    assertEquals(heard.slice(0, 100), Array.from({ length: 100 }, (_, n) => n));
    // A gap while the client connects: connecting, HELLO, onSession().
    const missed = 300 - heard.length;
    assert(missed > 0 && missed < 4 * 2 * LATENCY, `${missed} missed`);
    only.release();
    assertEquals(await time.run(held), "only1");
    await time.run(client.close());
    await time.run(only.server.shutdown());
  },
);

Deno.test(
  "a server that drains each session at once attracts no loop of attempts",
  none,
  async () => {
    using time = virtualTime();
    const network = simulatedNetwork({ latency: 1 });
    const server = await serve(Shop, network.listen("bad"), {
      onSession: (session) => void session.drain(),
    }).handle({ where: () => "", hold: () => "", join() {} });
    const client = createClient(Shop, network.address("bad"), {
      handlers: { news() {} },
    });
    let attempts = 0;
    (async () => {
      for await (const { kind } of client.events()) {
        if (kind === "connecting") attempts++;
      }
    })();
    await time.advance(60_000);
    // The pauses double from 0.1 s to 10 s, and are random.
    assert(attempts > 5 && attempts < 30, `${attempts} attempts`);
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);
