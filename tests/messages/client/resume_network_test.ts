/**
 * Clients whose sessions are resumed, on a simulated network in virtual time.
 *
 * @module
 */
import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { connect } from "../../../lib/messages/client/connect.ts";
import { createClient } from "../../../lib/messages/client/create_client.ts";
import type { CreateClientOptions } from "../../../lib/messages/client/create_client_options.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import {
  clientStream,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import {
  type SimulatedLink,
  simulatedNetwork,
  type VirtualTime,
  virtualTime,
} from "../../../lib/testing/mod.ts";
import { all } from "../kit.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const P = protocol({
  name: "p",
  server: {
    pay: unary<number, number>(),
    wait: unary<number, string>(),
    down: serverStream<number, number>(),
    up: clientStream<number, number>(),
    heard: notification<number>(),
  },
  client: { ask: unary<number, number>(), hear: notification<number>() },
});

/** A network with a server, and a client that resumes its sessions. */
class World implements AsyncDisposable {
  readonly time: VirtualTime = virtualTime();
  readonly network;
  readonly log: string[] = [];
  readonly events: string[] = [];
  sessions = 0;
  readonly #servers: { abort(): Promise<void> }[] = [];
  readonly #clients: { close(): Promise<void> }[] = [];

  constructor(onLink?: (link: SimulatedLink) => void) {
    this.network = simulatedNetwork({ latency: 5, ...(onLink && { onLink }) });
  }

  async serve(name = "a", grace = 30_000) {
    const { log } = this;
    const server = await serve(P, this.network.listen(name), {
      resume: { grace },
      onSession: ({ finished }) => {
        log.push("session");
        finished.then(({ code }) => log.push(`finished ${code}`));
      },
    }).handle({
      async pay(n, { session }) {
        log.push(`pay ${n}`);
        await session.remote.ask(n);
        return n;
      },
      async wait(ms, { signal }) {
        log.push("wait");
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          signal.addEventListener("abort", () => {
            log.push("aborted");
            clearTimeout(timer);
            resolve();
          });
        });
        return name;
      },
      async *down(count) {
        for (let n = 0; n < count; n++) yield n;
      },
      async up(items) {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      },
      heard: (n) => void log.push(`heard ${n}`),
    });
    this.#servers.push(server);
    return server;
  }

  client(
    names = ["a"],
    options: Partial<CreateClientOptions<typeof P>> = {},
  ) {
    const { log } = this;
    const client = createClient(
      P,
      names.map((name) => this.network.address(name)),
      {
        onSession: () => void this.sessions++,
        handlers: {
          ask(n) {
            log.push(`ask ${n}`);
            return n;
          },
          hear: (n) => void log.push(`hear ${n}`),
        },
        ...options,
      },
    );
    (async () => {
      for await (const { kind } of client.events()) this.events.push(kind);
    })();
    this.#clients.push(client);
    return client;
  }

  /** Ends the client and the servers; nothing may be left. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { time } = this;
    for (const client of this.#clients) await time.run(client.close());
    for (const server of this.#servers) await time.run(server.abort());
    await time.advance(2_000); // old connections linger
    const { timers } = time;
    time[Symbol.dispose]();
    assertEquals(timers, 0);
  }
}

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

/** Makes a call of each shape, in both directions, and returns what is seen. */
async function converse(world: World): Promise<unknown[]> {
  const server = await world.serve();
  const client = world.client();
  async function* numbers() {
    for (let n = 1; n <= 5; n++) yield n;
  }
  const work = Promise.all([
    client.remote.pay(1),
    all(client.remote.down(5)),
    client.remote.up(numbers()).result,
    client.remote.wait(40),
    client.ready().then(async () => {
      for (let n = 0; n < 4; n++) {
        await client.remote.heard(n);
        server.broadcast.hear(n);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }),
  ]);
  const seen = await world.time.run(work);
  await world.time.advance(1_000);
  return [...seen, world.log.toSorted(), world.sessions];
}

/** The conversation without faults, and the bytes of each direction. */
async function undisturbed() {
  let bytes: [number, number] = [0, 0];
  await using world = new World((link) => {
    setTimeout(() => bytes = [link.toServer.bytes, link.toClient.bytes], 900);
  });
  return { expected: await converse(world), bytes };
}

Deno.test(
  "a connection that breaks after n bytes changes nothing",
  none,
  async () => {
    const { expected, bytes } = await undisturbed();
    assert(bytes[0] > 300 && bytes[1] > 300, bytes.join());
    let cuts = 0;
    for (const [side, total] of bytes.entries()) {
      for (let after = 200 + side; after < total; after += 11) {
        let links = 0;
        await using world = new World((link) => {
          if (++links > 1) return;
          const direction = side === 0 ? link.toServer : link.toClient;
          direction.fault = { kind: "reset", after };
        });
        assertEquals(await converse(world), expected, `${side} ${after}`);
        if (links > 1) cuts++;
      }
    }
    assert(cuts > 20, `${cuts}`);
  },
);

Deno.test(
  "late losses of old connections change nothing, whenever they come",
  none,
  async () => {
    const { expected } = await undisturbed();
    for (let cut = 25; cut < 90; cut += 5) {
      let links = 0;
      await using world = new World((link) => {
        if (++links > 3) return;
        // The client's end is lost at once, the server's end at any time later.
        setTimeout(() => link.cut("client"), cut);
        setTimeout(() => link.cut("server"), cut + 7 * links);
      });
      assertEquals(await converse(world), expected, `${cut}`);
      assert(links > 3, `${links} links`);
    }
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
