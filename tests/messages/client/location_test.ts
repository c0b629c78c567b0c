/**
 * Identities of sessions and servers, and the locations at which sessions are
 * resumed.
 *
 * @module
 */
import {
  CallError,
  connect,
  createClient,
  notification,
  protocol,
  serve,
  unary,
} from "@lengthwise/lengthwise";
import {
  type SimulatedNetwork,
  simulatedNetwork,
  virtualTime,
} from "@lengthwise/lengthwise/testing";
import type { Connector } from "@lengthwise/lengthwise/types";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const Shop = protocol({
  name: "shop",
  server: { where: unary<void, string>(), hold: unary<void, string>() },
});

/** A server behind the load balancer, which names its location. */
function shop(network: SimulatedNetwork, name: string, location?: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const server = serve(Shop, network.listen(name), {
    onError() {},
    resume: { grace: 30_000, location },
  }).handle({
    where: () => name,
    hold: async () => {
      await promise;
      return name;
    },
  });
  return { server, release: resolve };
}

/** A load balancer that leads to the servers in turn, once for each. */
function balancer(
  network: SimulatedNetwork,
  names: readonly string[],
): Connector {
  let turn = 0;
  return {
    name: "balancer",
    connect: (signal) =>
      network.address(names[turn++ % names.length]!).connect(signal), // in range: a modulus
  };
}

async function scene(location: string | undefined) {
  const time = virtualTime();
  const network = simulatedNetwork({ latency: 20 });
  const [a, b] = [shop(network, "a", location), shop(network, "b")];
  await Promise.all([a.server, b.server]);
  return {
    ...{ time, network, a, b },
    balancer: balancer(network, ["a", "b"]),
    async [Symbol.asyncDispose]() {
      for (const { server } of [a, b]) await time.run((await server).abort());
      time[Symbol.dispose]();
    },
  };
}

Deno.test(
  "both ends know the same session, and the client knows the instance",
  none,
  async () => {
    const network = simulatedNetwork();
    const options = { resume: { grace: 1_000 } };
    await using server = await serve(Shop, network.listen("a"), options)
      .handle({ where: () => "a", hold: () => "a" });
    await using session = await connect(Shop, network.address("a"), {
      resume: { patience: 1_000 },
    });
    const [other] = server.sessions;
    assert(/^[0-9a-f]{32}$/.test(session.id));
    assertEquals([session.id, session.instance], [other!.id, server.instance]);
    const { id } = session;
    network.links[0]!.cut();
    assertEquals(await session.remote.where(), "a");
    assertEquals([session.id, other!.id], [id, id]); // also after it was resumed
    await using next = await connect(Shop, network.address("a"));
    assert(next.id !== id);
    assertEquals(next.instance, session.instance);
  },
);

Deno.test(
  "a session is resumed at the location that its server has named",
  none,
  async () => {
    await using world = await scene("memory:a");
    const { time, network, a, balancer } = world;
    // The name of a connector counts as its address.
    const client = createClient(Shop, [balancer, network.address("a")]);
    assertEquals(await time.run(client.remote.where()), "a");
    const held = client.remote.hold();
    await time.advance(100);
    const { session } = client;
    network.links[0]!.cut();
    await time.advance(2_000);
    assertEquals(client.session === session, true);
    a.release();
    assertEquals(await time.run(held), "a");
    await time.run(client.close());
  },
);

Deno.test(
  "a client connects to no other address unless it is permitted",
  none,
  async () => {
    for (const permits of [undefined, () => false, throws]) {
      await using world = await scene("tcp://10.0.0.1:22");
      const { time, network, balancer } = world;
      const errors: unknown[] = [];
      const client = createClient(Shop, balancer, {
        resume: { locations: permits },
        onError: (error) => void errors.push(error),
      });
      assertEquals(await time.run(client.remote.where()), "a");
      const held = assertRejects(() => client.remote.hold(), CallError);
      await time.advance(11_000); // the session was not short
      network.links[0]!.cut();
      const error = await time.run(held);
      assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
      assertEquals(
        error.message,
        "hold: The session could not be resumed: another instance of the server was reached, for example after a restart",
      );
      assertEquals(await time.run(client.remote.where()), "b");
      assertEquals(errors.length, permits === throws ? 1 : 0);
      await time.run(client.close());
    }
  },
);

function throws(): never {
  throw new Error("a mistake");
}

Deno.test(
  "a location that cannot be reached costs three seconds",
  none,
  async () => {
    await using world = await scene("memory:a");
    const { time, network, balancer } = world;
    const client = createClient(Shop, [balancer, network.address("a")], {
      resume: { patience: 60_000 },
      reconnect: { spread: 0 },
    });
    assertEquals(await time.run(client.remote.where()), "a");
    const begun = time.now;
    const held = assertRejects(() => client.remote.hold(), CallError);
    network.set("a", "down");
    const error = await time.run(held);
    assertEquals(error.processed, "maybe");
    assert(error.message.includes("could not be reached at memory:a"));
    const took = time.now - begun;
    assert(took >= 3_000 && took < 3_500, `${took} ms`);
    assertEquals(await time.run(client.remote.where()), "b");
    await time.run(client.close());
  },
);

Deno.test("a server checks its location", none, async () => {
  for (
    const [location, message] of [
      ["", "of 0 bytes: expected 1 to 255"],
      ["x".repeat(256), "of 256 bytes"],
    ]
  ) {
    await assertRejects(
      async () => {
        const network = simulatedNetwork();
        await serve(Shop, network.listen("a"), {
          resume: { grace: 1, location },
        })
          .handle({ where: () => "a", hold: () => "a" });
      },
      RangeError,
      message,
    );
  }
});

Deno.test(
  "broadcasts and topics reach a client with several connections once",
  none,
  async () => {
    const News = protocol({
      name: "news",
      server: { ping: unary<void, void>() },
      client: { news: notification<string>() },
    });
    using time = virtualTime();
    const network = simulatedNetwork();
    const server = await serve(News, network.listen("a"), {
      onSession: (session) => void server.topic("t").subscribe(session),
    }).handle({ ping() {} });
    const heard: string[] = [];
    const client = createClient(News, network.address("a"), {
      connections: 3,
      handlers: { news: (text) => void heard.push(text) },
    });
    await time.run(client.remote.ping());
    await time.advance(1_000);
    assertEquals(server.sessions.size, 3);
    assertEquals(server.broadcast.news("all"), 1);
    assertEquals(server.topic("t").publish.news("topic"), 1);
    await time.advance(1_000);
    assertEquals(heard, ["all", "topic"]);
    // Notifications of a session itself reach it nevertheless.
    for (const session of server.sessions) void session.remote.news("own");
    await time.advance(1_000);
    assertEquals(heard.filter((text) => text === "own").length, 3);
    await time.run(client.close());
    await time.run(server.shutdown());
  },
);

Deno.test("locations of a session that is never resumed are rejected", async () => {
  const Empty = protocol({ name: "empty" });
  const locations = () => true;
  const expected = 'option "resume.locations" of ';
  await assertRejects(
    () => connect(Empty, { memory: "none" }, { resume: { locations } }),
    TypeError,
    expected,
  );
  assertThrows(
    () =>
      createClient(Empty, { memory: "none" }, {
        resume: { patience: 0, locations },
      }),
    TypeError,
    expected,
  );
});
