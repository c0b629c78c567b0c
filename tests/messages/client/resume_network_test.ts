/**
 * Clients whose sessions are resumed, on a simulated network in virtual time.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import {
  CallError,
  SessionError,
} from "../../../lib/messages/errors/call_error.ts";
import { unary } from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { createServer } from "../../../lib/messages/server/server.ts";
import { simulatedNetwork } from "../../../lib/testing/simulated_network.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import {
  compareOffers,
  cutEveryByte,
  disturbWithLateData,
  disturbWithOldLinks,
  P,
  World,
} from "./resume_world.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "an idle session survives cuts, and another one is not opened",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    for (let n = 0; n < 3; n++) {
      world.network.links[0]!.cut();
      await world.time.advance(1);
      assertEquals(client.status, "resuming");
      await world.time.advance(500);
      assertEquals(client.status, "connected");
    }
    assertEquals(await world.time.run(client.remote.pay(7)), 7);
    assertEquals(world.log, ["session", "pay 7", "ask 7"]);
    assertEquals(world.sessions, 1);
  },
);

Deno.test(
  "a session is resumed when a silent network is back",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const waits = client.remote.wait(100);
    await world.time.advance(50);
    world.network.set("a", "silent");
    await world.time.advance(25_000);
    assertEquals(client.status, "resuming");
    const pays = client.remote.pay(3);
    world.network.set("a", "up");
    assertEquals(await world.time.run(waits), "a");
    assertEquals(await world.time.run(pays), 3);
    assertEquals(world.log, ["session", "wait", "pay 3", "ask 3"]);
  },
);

Deno.test(
  "a late loss of the old connection does not end the session",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const [old] = world.network.links;
    old!.cut("client"); // the server is not notified
    await world.time.advance(500);
    assertEquals(client.status, "connected");
    const waits = client.remote.wait(20_000);
    await world.time.advance(10_000);
    old!.cut("server");
    assertEquals(await world.time.run(waits), "a");
    assertEquals(world.log, ["session", "wait"]);
  },
);

Deno.test(
  "calls of a session that the server has lost are known",
  none,
  async () => {
    await using world = new World();
    const first = await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const reached = client.remote.wait(60_000);
    await world.time.advance(20);
    world.network.set("a", "down");
    await world.time.advance(1);
    const unsent = client.remote.pay(1); // waits with the session
    await world.time.run(first.abort());
    await world.serve();
    world.network.set("a", "up");
    const error = await world.time.run(assertRejects(() => reached, CallError));
    assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
    assertEquals(await world.time.run(unsent), 1);
    assertEquals(world.log.filter((event) => event.startsWith("pay")), [
      "pay 1",
    ]);
    assertEquals(world.sessions, 2);
    assertEquals(world.events, [
      ...["connected", "resuming", "lost", "connecting", "connected"],
    ]);
  },
);

Deno.test(
  "at the end of the grace, both ends give the session up",
  none,
  async () => {
    await using world = new World();
    await world.serve("a", 5_000);
    const client = world.client();
    await world.time.run(client.ready());
    const waits = client.remote.wait(60_000);
    await world.time.advance(20);
    world.network.set("a", "down");
    const failed = assertRejects(() => waits, CallError);
    await world.time.advance(4_900);
    assertEquals([client.status, world.log], ["resuming", ["session", "wait"]]);
    const error = await world.time.run(failed);
    assertEquals([error.code, error.processed], ["disconnected", "maybe"]);
    await world.time.advance(200);
    assertEquals(world.log.slice(2), ["aborted", "finished disconnected"]);
    world.network.set("a", "up");
    await world.time.run(client.ready());
  },
);

Deno.test(
  "a client with several addresses tries the first for 3 s",
  none,
  async () => {
    await using world = new World();
    await world.serve("a");
    await world.serve("b");
    const client = world.client(["a", "b"], { reconnect: { spread: 0 } });
    await world.time.run(client.ready());
    world.network.set("a", "down");
    await world.time.advance(1);
    const waits = client.remote.wait(1);
    await world.time.advance(2_900);
    assertEquals(client.status, "resuming");
    assertEquals(await world.time.run(waits), "b");
  },
);

Deno.test(
  "without patience, a session ends with its connection",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client(["a"], { resume: { patience: 0 } });
    await world.time.run(client.ready());
    world.network.links[0]!.cut();
    await world.time.advance(1);
    assertEquals(world.events, ["connected", "lost"]);
    assertEquals(world.log, ["session", "finished disconnected"]);
  },
);

Deno.test(
  "a client opens another session if one is drained while it is cut",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    world.network.set("a", "down");
    await world.time.advance(1);
    const { session } = client;
    assert(session);
    const drained = session.drain();
    await world.time.advance(1);
    world.network.set("a", "up");
    assertEquals(await world.time.run(client.remote.pay(1)), 1);
    await world.time.run(drained);
    assertEquals([world.sessions, client.status], [2, "connected"]);
  },
);

Deno.test(
  "a client that drains while it is cut still gets its replies",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const waits = client.remote.wait(1_000);
    await world.time.advance(20);
    world.network.set("a", "down");
    await world.time.advance(1);
    const drained = client.drain();
    await world.time.advance(500);
    world.network.set("a", "up");
    assertEquals(await world.time.run(waits), "a");
    await world.time.run(drained);
    assertEquals(world.log, ["session", "wait", "finished closed"]);
  },
);

Deno.test(
  "the grace of a drain also passes while there is no connection",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const waits = assertRejects(() => client.remote.wait(60_000), CallError);
    await world.time.advance(20);
    world.network.set("a", "down");
    await world.time.advance(1);
    let over = false;
    const drained = client.drain({ grace: 2_000 });
    drained.then(() => over = true);
    await world.time.advance(1_900);
    assertEquals(over, false);
    await world.time.advance(200);
    assertEquals(over, true); // not only at the end of the server's grace
    const { code, processed } = await waits;
    assertEquals([code, processed], ["unavailable", "maybe"]);
  },
);

Deno.test(
  "a drain that began without a connection has only the rest of its grace",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const waits = assertRejects(() => client.remote.wait(60_000), CallError);
    await world.time.advance(20);
    world.network.set("a", "down");
    await world.time.advance(1);
    const session = client.session!; // it is cut
    const before = world.time.now;
    const drained = session.drain({ grace: 3_000 });
    await world.time.advance(1_000);
    world.network.set("a", "up");
    await world.time.run(drained);
    const took = world.time.now - before;
    assert(took >= 3_000 && took < 3_100, `${took} ms`); // with the latency
    assertEquals((await waits).code, "unavailable");
  },
);

const Who = protocol({ name: "p", server: { who: unary<void, string>() } });

/** A server whose clients are named by their credentials, on a network. */
function namedClients() {
  const time = virtualTime();
  const network = simulatedNetwork();
  const log: unknown[] = [];
  const server = createServer(
    Who,
    {
      resume: { grace: 30_000 },
      authenticate(credentials: unknown) {
        log.push(credentials);
        return String(credentials);
      },
      principal(name) {
        if (name === "anonymous") throw new Error("no principal");
        return name.split("/")[0]!; // split() returns at least one
      },
      onError: ({ error }) => void log.push(String(error)),
    },
  ).handle({ who: (_, { session }) => session.auth });
  server.listen(network.listen("a"));
  async function cut(): Promise<void> {
    network.links[0]!.cut(); // there is one
    await time.advance(2_000);
  }
  async function shutdown(): Promise<void> {
    await time.run(server.shutdown());
    assertEquals(time.timers, 0);
    time[Symbol.dispose]();
  }
  return { time, network, log, cut, shutdown };
}

for (const refreshed of ["ada/2", "bob/1"]) {
  Deno.test(
    `a session is resumed with its refreshed credentials, ${refreshed}`,
    none,
    async () => {
      const { time, network, log, cut, shutdown } = namedClients();
      const session = await time.run(
        connect(Who, network.address("a"), {
          credentials: "ada/1",
          resume: { patience: 10_000 },
        }),
      );
      await time.run(session.refresh(refreshed));
      for (let n = 0; n < 2; n++) await cut();
      assertEquals(await time.run(session.remote.who()), refreshed);
      assertEquals(log, ["ada/1", refreshed, refreshed, refreshed]);
      await time.run(session.close());
      await shutdown();
    },
  );
}

Deno.test(
  "refreshed credentials without a principal end the session",
  none,
  async () => {
    const { time, network, log, shutdown } = namedClients();
    const session = await time.run(
      connect(Who, network.address("a"), { credentials: "ada/1" }),
    );
    const refused = assertRejects(
      () => session.refresh("anonymous"),
      SessionError,
      "the credentials were not used",
    );
    await time.run(refused);
    assertEquals((await session.finished).code, "internal");
    assertEquals(log, ["ada/1", "anonymous", "Error: no principal"]);
    await shutdown();
  },
);

Deno.test(
  "a client with fixed credentials resumes a session with its refreshed ones",
  none,
  async () => {
    const { time, network, log, cut, shutdown } = namedClients();
    const client = createClient(Who, network.address("a"), {
      credentials: "ada/1",
      reconnect: { spread: 0 },
    });
    await time.run(client.ready());
    await time.run(client.session!.refresh("ada/2")); // it is ready
    await cut();
    assertEquals(log, ["ada/1", "ada/2", "ada/2"]);
    client.session!.close(); // the client opens another session
    await time.advance(2_000);
    assertEquals(await time.run(client.remote.who()), "ada/1");
    await time.run(client.close());
    await shutdown();
  },
);

Deno.test(
  "a client that is closed while it is cut makes no more attempts",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const client = world.client();
    await world.time.run(client.ready());
    const waits = assertRejects(() => client.remote.wait(1_000), CallError);
    await world.time.advance(20);
    world.network.set("a", "silent");
    await world.time.advance(15_000);
    assertEquals(client.status, "resuming");
    await world.time.run(client.close());
    await waits;
    world.network.set("a", "up");
    await world.time.advance(1_000);
    assertEquals(world.network.links.length, 0);
  },
);

Deno.test(
  "a session of connect() is resumed if it has patience",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    const { time, network } = world;
    const options = {
      handlers: { ask: (n: number) => n, hear() {} },
      resume: { patience: 10_000 },
    };
    const session = await time.run(connect(P, network.address("a"), options));
    const waits = session.remote.wait(500);
    await time.advance(100);
    network.links[0]!.cut();
    assertEquals(await time.run(waits), "a");
    assertEquals(world.log, ["session", "wait"]);
    await time.run(session.close());
    const several = [network.address("a"), network.address("b")] as never; // no such type
    await assertRejects(() => connect(P, several, options), TypeError);
  },
);

Deno.test(
  "a connection that breaks after n bytes changes nothing",
  none,
  async () => {
    const { failures, cuts } = await cutEveryByte(59);
    assertEquals(failures, []);
    assert(cuts > 20, `${cuts}`);
  },
);

Deno.test(
  "late events of old connections change nothing, whenever they come",
  none,
  async () => {
    const { failures, fences } = await disturbWithOldLinks(5);
    assertEquals(failures, []);
    assert(fences > 10, `${fences}`);
  },
);

Deno.test(
  "without cuts, it makes no difference whether sessions are resumed",
  none,
  async () => {
    assertEquals(await compareOffers(), undefined);
  },
);

Deno.test(
  "late data of old connections changes nothing, whenever it comes",
  none,
  async () => {
    const { failures, late } = await disturbWithLateData(7);
    assertEquals(failures, []);
    assert(late > 0, `${late}`);
  },
);

Deno.test(
  "pauses bound the attempts if new sessions are cut and not resumed",
  none,
  async () => {
    await using world = new World();
    await world.serve("a");
    await world.serve("b");
    let connected = 0;
    const proxy = {
      name: "proxy", // leads to the other process each time
      async connect(signal: AbortSignal) {
        const name = connected++ % 2 === 0 ? "a" : "b";
        const connection = await world.network.address(name).connect(signal);
        const link = world.network.links.at(-1)!;
        setTimeout(() => link.cut(), 30);
        return connection;
      },
    };
    const handlers = { ask: (n: number) => n, hear() {} };
    const client = createClient(P, proxy, { handlers });
    await world.time.advance(60_000);
    await world.time.run(client.close());
    // Pauses of 100 ms to 10 s, and two connections after each of them.
    assertLess(connected, 60);
  },
);

Deno.test(
  "pauses bound the attempts if each link is cut after it resumed a session",
  none,
  async () => {
    await using world = new World();
    await world.serve();
    let links = 0;
    const server = world.network.address("a");
    const proxy = {
      name: "proxy",
      async connect(signal: AbortSignal) {
        const connection = await server.connect(signal);
        const link = world.network.links.at(-1)!;
        if (links++ > 0) setTimeout(() => link.cut(), 20);
        return connection;
      },
    };
    const handlers = { ask: (n: number) => n, hear() {} };
    const client = createClient(P, proxy, { handlers });
    await world.time.run(client.ready());
    const { session } = client;
    world.network.links[0]!.cut();
    let heard = 0;
    const progress = setInterval(() => {
      client.remote.heard(heard++); // otherwise, the session would end
    }, 20);
    await world.time.advance(20_000);
    clearInterval(progress);
    assertEquals(client.session, session);
    assert(links > 20 && links < 80, `${links} links`); // pauses of up to 1 s
    await world.time.run(client.close());
  },
);
