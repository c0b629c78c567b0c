/**
 * Clients with a policy: one session for each address, and the server of each
 * call.
 *
 * @module
 */
import {
  CallError,
  createClient,
  notification,
  protocol,
  serve,
  type Server,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";
import {
  leastRequest,
  rendezvousHash,
  roundRobin,
} from "@lengthwise/lengthwise/balance";
import { simulatedNetwork, virtualTime } from "@lengthwise/lengthwise/testing";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Client } from "../../../lib/messages/client/client.ts";
import type { Connector } from "../../../lib/messages/client/connector.ts";
import type { CreateClientOptions } from "../../../lib/messages/client/create_client_options.ts";

const Place = protocol({
  name: "place",
  server: {
    name: unary<number, string>({ idempotent: true }),
    names: serverStream<number, string>(),
  },
});
type Place = typeof Place;

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A server on the simulated network. */
class Host {
  readonly name: string;
  /** How it handles a call. */
  reply: (ms: number) => string | Promise<string>;
  server: Server<Place> | undefined = undefined;
  readonly #world: World;

  constructor(name: string, world: World) {
    this.name = name;
    this.#world = world;
    this.reply = async (ms) => {
      if (ms > 0) await sleep(ms);
      return name;
    };
  }

  async start(
    options: {
      maxConnectionAge?: number;
      resume?: { grace: number };
    } = {},
  ): Promise<void> {
    const listener = this.#world.network.listen(this.name);
    this.server = await serve(Place, listener, {
      ...options,
      onError: () => {}, // some handlers throw
    }).handle({
      name: (ms) => this.reply(ms),
      names: async function* (this: Host, count: number) {
        for (let sent = 0; sent < count; sent++) {
          yield this.name;
          await sleep(100);
        }
      }.bind(this),
    });
  }

  get sessions(): number {
    return this.server?.sessions.size ?? 0;
  }
}

/** Servers, a list of addresses that changes, and clients. */
class World {
  readonly time = virtualTime({ seed: 5 });
  readonly network = simulatedNetwork({ latency: 2 });
  readonly hosts: Record<string, Host> = {};
  #list: readonly Connector[] = [];
  #wake: () => void = () => {};
  readonly #clients: Client<Place>[] = [];

  static async with(names: string): Promise<World> {
    const world = new World();
    for (const name of names) {
      world.hosts[name] = new Host(name, world);
      await world.hosts[name].start();
    }
    return world;
  }

  at(names: string): Connector[] {
    return [...names].map((name) => this.network.address(name));
  }

  /** Replaces the list. */
  publish(names: string): void {
    this.#list = this.at(names);
    this.#wake();
  }

  readonly source = async function* (
    this: World,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Connector[]> {
    signal.addEventListener("abort", () => this.#wake());
    for (let last; !signal.aborted;) {
      if (this.#list !== last) yield last = this.#list;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }.bind(this);

  client(
    addresses: string | typeof this.source,
    options: CreateClientOptions<Place>,
  ): Client<Place> {
    const client = createClient(
      Place,
      typeof addresses === "string" ? this.at(addresses) : addresses,
      options,
    );
    this.#clients.push(client);
    return client;
  }

  /** Makes calls one after the other, and returns the names of their servers. */
  async calls(
    client: Client<Place>,
    count: number,
    call: (client: Client<Place>, index: number) => Promise<string> = (
      { remote },
    ) => remote.name(0),
  ): Promise<string> {
    let names = "";
    for (let index = 0; index < count; index++) {
      const name = await this.time.run(
        call(client, index).catch((error: CallError) => `(${error.code})`),
      );
      names += name;
    }
    return names;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { time } = this;
    for (const client of this.#clients) await time.run(client.close());
    for (const { server } of Object.values(this.hosts)) {
      if (server !== undefined) await time.run(server.abort());
    }
    time[Symbol.dispose]();
  }
}

const sizes = ({ hosts }: World) =>
  Object.values(hosts).map(({ sessions }) => sessions).join("");

/** Returns how often each name occurs. */
const counts = (names: string) =>
  [...new Set(names)].toSorted().map((name) => name + names.split(name).length)
    .join(" ");

Deno.test("roundRobin() uses each address in turn, with one session each", async () => {
  await using world = await World.with("abc");
  const client = world.client("abc", { balance: roundRobin() });
  await world.time.advance(100);
  assertEquals(sizes(world), "111");
  const names = await world.calls(client, 9);
  assertEquals(names.slice(0, 3), names.slice(3, 6));
  assertEquals([...names.slice(0, 3)].toSorted().join(""), "abc");
  const { balance } = client.stats;
  assertEquals([balance?.policy, balance?.ejections], ["roundRobin", 0]);
  assertEquals(balance?.addresses["memory:b"], {
    status: "connected",
    ejected: false,
    ejections: 0,
    attempts: 1,
    failedAttempts: 0,
    calls: 3,
    failures: 0,
    load: 0,
  });
});

Deno.test("sessions follow a list that changes, and calls in flight end", async () => {
  await using world = await World.with("abcd");
  const client = world.client(world.source, { balance: roundRobin() });
  const early = client.remote.name(0); // waits for the first list
  await world.time.advance(50);
  assertEquals(client.status, "backing-off");
  world.publish("ab");
  assert("ab".includes(await world.time.run(early)));
  await world.time.advance(100);
  assertEquals(sizes(world), "1100");

  const slow = Promise.all([client.remote.name(500), client.remote.name(500)]);
  await world.time.advance(10);
  world.publish("bcd");
  await world.time.advance(100);
  assertEquals(sizes(world), "1111"); // the one of a still drains
  assertEquals(counts(await world.calls(client, 9)), "b4 c4 d4");
  assertEquals((await world.time.run(slow)).toSorted(), ["a", "b"]);
  await world.time.advance(100);
  await world.time.advance(5_000);
  assertEquals([sizes(world), client.stats.sessions.opened], ["0111", 4]);
  const { addresses = {} } = client.stats.balance ?? {};
  const named = Object.keys(addresses).toSorted();
  assertEquals(named, ["memory:b", "memory:c", "memory:d"]);

  world.publish("");
  await world.time.advance(100);
  assertEquals([sizes(world), client.status], ["0000", "backing-off"]);
  const waits = client.remote.name(0);
  world.publish("a");
  assertEquals(await world.time.run(waits), "a");
});

Deno.test("leastRequest() sends fewer calls to a slow server", async () => {
  await using world = await World.with("abc");
  const client = world.client("abc", { balance: leastRequest() });
  await world.time.advance(100);
  const { a, b } = world.hosts;
  for (const host of [a, b]) {
    host!.reply = async () => {
      await sleep(host === a ? 500 : 10);
      return host!.name;
    };
  }
  let names = "";
  const worker = async () => {
    for (let call = 0; call < 40; call++) names += await client.remote.name(10);
  };
  const working = Promise.all(Array.from({ length: 6 }, worker));
  await world.time.run(working);
  const slow = names.split("a").length - 1;
  assert(slow > 0 && slow < 30, `${slow} of 240`); // 80 with roundRobin()
});

Deno.test("rendezvousHash() keeps keys at their servers while others leave", async () => {
  await using world = await World.with("abcd");
  const keys = Array.from({ length: 20 }, (_, index) => `user-${index}`);
  const balance = rendezvousHash({
    key: ({ method, input, metadata }) =>
      method === "name" && input === 0 ? metadata["user"] : undefined,
  });
  const client = world.client(world.source, { balance });
  const other = world.client("dcba", { balance });
  world.publish("abcd");
  await world.time.advance(100);
  const all = (client: Client<Place>) =>
    world.calls(
      client,
      keys.length,
      ({ remote }, index) =>
        remote.name(0, { metadata: { user: keys[index]! } }), // in range
    );
  const before = await all(client);
  assertEquals(counts(before).split(" ").length, 4);
  assertEquals(await all(client), before);
  assertEquals(await all(other), before); // the order of the list has no effect
  world.publish("acd");
  await world.time.advance(100);
  const without = await all(client);
  for (const [index, name] of [...before].entries()) {
    assertEquals(without[index] === name, name !== "b", keys[index]);
  }
  world.publish("abcd");
  await world.time.advance(100);
  assertEquals(await all(client), before);
  // Without a key, any server may receive the call.
  const free = await world.calls(client, 40, ({ remote }) => remote.name(1));
  assertEquals(counts(free).split(" ").length, 4);
});

Deno.test("a key that is no string fails the call, as an error of its function does", async () => {
  await using world = await World.with("a");
  const keys: unknown[] = [7, new Error("no user")];
  const balance = rendezvousHash({
    key: () => {
      const key = keys.shift();
      if (key instanceof Error) throw key;
      return key as string; // a JavaScript program's
    },
  });
  const client = world.client("a", { balance });
  await world.time.advance(100);
  const failure = async () => {
    const failed = client.remote.name(0).catch((error: unknown) => error);
    return String(await world.time.run(failed));
  };
  assertEquals(
    await failure(),
    "TypeError: Cannot choose a server for name: its key is a value of type number; expected a string, or undefined for none",
  );
  assertEquals(await failure(), "Error: no user");
  assertEquals(await world.calls(client, 1), "a"); // no key
});

Deno.test("an address that fails is ejected, and comes back", async () => {
  await using world = await World.with("abc");
  const client = world.client("abc", {
    balance: roundRobin(),
    retry: { maxAttempts: 1 },
  });
  const events: unknown[] = [];
  const reading = (async () => {
    for await (const { kind, address, delay } of client.events()) {
      if (kind === "ejected") events.push([address, delay]);
    }
  })();
  await world.time.advance(100);
  const { b } = world.hosts;
  b!.reply = () => {
    throw new Error("no database");
  };
  const names = await world.calls(client, 60);
  assertEquals(names.split("(internal)").length - 1, 5);
  assertEquals(events, [["memory:b", 30_000]]);
  const figures = () => client.stats.balance?.addresses["memory:b"];
  assertEquals([figures()?.ejected, figures()?.failures], [true, 5]);
  await world.time.advance(30_000);
  assertEquals(figures()?.ejected, false);
  b!.reply = () => "b";
  assertEquals(counts(await world.calls(client, 9)), "a4 b4 c4");
  assertEquals(client.stats.balance?.ejections, 1);
  await world.time.run(client.close());
  await reading;
});

Deno.test("replies that refuse the call itself eject no address", async () => {
  await using world = await World.with("ab");
  const client = world.client("ab", { balance: roundRobin() });
  await world.time.advance(100);
  for (const { name } of Object.values(world.hosts)) {
    world.hosts[name]!.reply = () => {
      throw new CallError("not yours", { code: "forbidden" });
    };
  }
  assertEquals(
    counts((await world.calls(client, 40)).replaceAll("(forbidden)", "f")),
    "f41",
  );
  const cancelled = await world.calls(client, 20, ({ remote }) => {
    const controller = new AbortController();
    const call = remote.name(0, { signal: controller.signal });
    controller.abort();
    return call;
  });
  assertEquals(cancelled, "(cancelled)".repeat(20));
  let call = 0;
  for (const { name } of Object.values(world.hosts)) {
    world.hosts[name]!.reply = () => {
      const code = call++ % 5 > 2 ? "forbidden" : "internal";
      throw new CallError("no", { code });
    };
  }
  await world.calls(client, 40); // at most 3 failures in a row
  assertEquals(client.stats.balance?.ejections, 0);
});

Deno.test("if all servers fail, all of them are used", async () => {
  await using world = await World.with("abcd");
  const client = world.client("abcd", { balance: roundRobin() });
  await world.time.advance(100);
  const { a, b, c, d } = world.hosts;
  for (const host of [a, b, c]) {
    host!.reply = () => {
      throw new Error("no database");
    };
  }
  await world.calls(client, 60);
  const { balance } = client.stats;
  assertEquals([balance?.ejections, balance?.panic], [2, false]); // half of four
  await world.time.run(d!.server!.abort());
  world.network.set("d", "down");
  await world.time.advance(500);
  assertEquals(client.stats.balance?.panic, true); // two of three
  for (const host of [a, b, c]) host!.reply = () => host!.name;
  assertEquals(counts(await world.calls(client, 9)), "a4 b4 c4");
});

Deno.test("calls avoid a server that is down, which receives them once it is back", async () => {
  await using world = await World.with("abc");
  world.network.set("b", "down");
  const client = world.client("abc", {
    balance: roundRobin(),
    reconnect: { maxDelay: 1_000 },
  });
  await world.time.advance(3_000);
  assertEquals(counts(await world.calls(client, 10)), "a6 c6");
  const figures = () => client.stats.balance?.addresses["memory:b"];
  const { attempts = 0, failedAttempts, status } = figures() ?? {};
  assert(attempts >= 3, `${attempts}`);
  assertEquals([failedAttempts, status], [attempts, "backing-off"]);
  assertEquals(client.stats.failedConnects, attempts);
  world.network.set("b", "up");
  await world.time.advance(1_500);
  assertEquals(counts(await world.calls(client, 9)), "a4 b4 c4");
});

Deno.test("calls wait while all servers are down", async () => {
  await using world = await World.with("ab");
  world.network.set("a", "down");
  world.network.set("b", "down");
  const client = world.client("ab", {
    balance: leastRequest(),
    wait: { timeout: 60_000 },
  });
  const waits = Array.from({ length: 10 }, () => client.remote.name(0));
  await world.time.advance(10_000);
  assertEquals([client.status, client.stats.waitingCalls], ["backing-off", 10]);
  world.network.set("b", "up");
  const names = await world.time.run(Promise.all(waits));
  assertEquals(names.join(""), "b".repeat(10));
});

Deno.test("the error of a call says that the list of addresses is empty", async () => {
  for (const balance of [undefined, roundRobin()]) {
    await using world = await World.with("a");
    world.publish("");
    const options = { balance, wait: { timeout: 500 } };
    const client = world.client(world.source, options);
    const failure = async () => {
      const call = client.remote.name(0).catch((error: Error) => error.message);
      return (await world.time.run(call)).split("; ")[1];
    };
    const why = "last failure: The list of addresses is empty";
    assertEquals(await failure(), why);
    world.publish("a");
    assertEquals(await world.calls(client, 1), "a");
    world.publish(""); // the session drains, which is not the reason
    await world.time.advance(10);
    assertEquals(await failure(), why);
    world.publish("b"); // no server listens there
    await world.time.advance(10);
    assert((await failure())?.includes("last failure: Cannot connect to"));
  }
});

Deno.test("a rolling restart fails no call, and ejects no address", async () => {
  await using world = await World.with("abc");
  const client = world.client("abc", { balance: roundRobin() });
  await world.time.advance(100);
  const stop = new AbortController();
  const failures: unknown[] = [];
  let made = 0;
  const worker = async () => {
    for (; !stop.signal.aborted; made++) {
      await client.remote.name(50).catch((error) => failures.push(error));
    }
  };
  const working = Promise.all(Array.from({ length: 2 }, worker));
  for (const host of Object.values(world.hosts)) {
    await world.time.advance(1_000);
    await world.time.run(host.server!.shutdown({ grace: 1_000 }));
    await world.time.advance(1_000);
    await host.start();
  }
  await world.time.advance(3_000);
  stop.abort();
  await world.time.run(working);
  assertEquals([failures, client.stats.balance?.ejections], [[], 0]);
  assert(made > 200, `${made}`);
  assertEquals(sizes(world), "111");
});

Deno.test("sessions that end by their age are opened again at their address", async () => {
  await using world = await World.with("");
  for (const name of "ab") {
    const host = world.hosts[name] = new Host(name, world);
    await host.start({ maxConnectionAge: 5_000 });
  }
  const client = world.client("ab", { balance: roundRobin() });
  await world.time.advance(100);
  let names = "";
  for (let round = 0; round < 30; round++) {
    await world.time.advance(1_000);
    names += await world.calls(client, 2);
  }
  assertEquals(counts(names), "a31 b31");
  assert(client.stats.sessions.opened >= 10);
  assertEquals(sizes(world), "11");
});

Deno.test("a session that is resumed after its address has left and come back drains", async () => {
  await using world = await World.with("");
  for (const name of "ab") {
    const host = world.hosts[name] = new Host(name, world);
    await host.start({ resume: { grace: 60_000 } });
  }
  const client = world.client(world.source, {
    balance: roundRobin(),
    resume: { patience: 60_000 },
    reconnect: { maxDelay: 1_000 },
  });
  world.publish("ab");
  await world.time.advance(100);
  const slow = client.remote.name(20_000);
  const other = client.remote.name(20_000);
  await world.time.advance(100);
  world.network.set("a", "down");
  for (const link of world.network.links) {
    if (link.name === "a") link.cut();
  }
  await world.time.advance(100);
  world.publish("b");
  await world.time.advance(100);
  assertEquals(await world.calls(client, 2), "bb");
  world.publish("ab");
  await world.time.advance(1_000);
  world.network.set("a", "up");
  await world.time.advance(5_000);
  assertEquals(sizes(world), "21"); // the call of the first session goes on
  assertEquals((await world.time.run(Promise.all([slow, other]))).toSorted(), [
    "a",
    "b",
  ]);
  await world.time.advance(100);
  assertEquals(sizes(world), "11");
});

Deno.test("subset bounds the number of sessions", async () => {
  await using world = await World.with("abcdef");
  const balance = roundRobin();
  const clients = Array.from(
    { length: 6 },
    () => world.client(world.source, { balance, subset: 2 }),
  );
  world.publish("abcdef");
  await world.time.advance(100);
  for (const client of clients) {
    assertEquals(client.stats.sessions.open, 2);
    assertEquals(counts(await world.calls(client, 4)).split(" ").length, 2);
  }
  world.publish("abcde");
  await world.time.advance(500);
  for (const client of clients) assertEquals(client.stats.sessions.open, 2);
});

Deno.test("a client that is closed while it connects leaves nothing", async () => {
  await using world = await World.with("abc");
  world.network.set("b", "silent");
  for (let after = 0; after < 12; after++) {
    const client = world.client("abc", { balance: roundRobin() });
    const call = client.remote.name(0).catch(({ code }) => code);
    await world.time.advance(after);
    await world.time.run(client.close());
    assertEquals(client.status, "closed");
    const result = await world.time.run(call);
    assert(["unavailable", "disconnected", "a", "c"].includes(result), result);
  }
  await world.time.advance(100);
  assertEquals([world.hosts["a"]!.sessions, world.hosts["c"]!.sessions], [
    0,
    0,
  ]);
});

Deno.test("a client ends if all of its servers refuse it, and not before", async () => {
  await using world = await World.with("ab");
  const refusing = ["a", "b"].map((name) => ({
    name: `refusing ${name}`,
    connect: () => Promise.reject(new Deno.errors.PermissionDenied("no")),
  }));
  const client = createClient(Place, refusing, { balance: roundRobin() });
  const call = client.remote.name(0).catch((error: unknown) => String(error));
  assert(`${await world.time.run(call)}`.includes("refused this client"));
  assertEquals(client.status, "refused");
  await world.time.run(client.close());
  const mixed = createClient(Place, [...refusing, ...world.at("b")], {
    balance: roundRobin(),
  });
  assertEquals(await world.calls(mixed, 3), "bbb");
  await world.time.advance(20_000);
  assertEquals([mixed.status, await world.calls(mixed, 1)], ["connected", "b"]);
  await world.time.run(mixed.close());
});

Deno.test("a stream stays with its session, and goes on after its address has left", async () => {
  await using world = await World.with("ab");
  const client = world.client(world.source, { balance: roundRobin() });
  world.publish("ab");
  await world.time.advance(100);
  const streams = [client.remote.names(10), client.remote.names(10)];
  const reading = Promise.all(streams.map((names) => Array.fromAsync(names)));
  await world.time.advance(300);
  world.publish("b");
  const read = await world.time.run(reading);
  assertEquals(read.map((names) => names.join("")).toSorted(), [
    "a".repeat(10),
    "b".repeat(10),
  ]);
  await world.time.advance(500);
  assertEquals(sizes(world), "01");
});

Deno.test("broadcasts reach the client once, through a session that finds another server", async () => {
  const Chat = protocol({
    name: "chat",
    server: { name: unary<null, string>() },
    client: { said: notification<string>() },
  });
  using time = virtualTime({ seed: 2 });
  const network = simulatedNetwork({ latency: 2 });
  const start = (name: string) =>
    serve(Chat, network.listen(name)).handle({ name: () => name });
  const servers = await Promise.all([start("a"), start("b"), start("c")]);
  const heard: string[] = [];
  const client = createClient(
    Chat,
    [..."abc"].map((name) => network.address(name)),
    {
      balance: roundRobin(),
      handlers: { said: (text) => void heard.push(text) },
    },
  );
  await time.advance(100);
  const say = async () => {
    heard.length = 0;
    for (const server of servers) server.broadcast.said("hello");
    await time.advance(100);
    return heard.length;
  };
  assertEquals(servers.map(({ sessions }) => sessions.size), [2, 1, 1]);
  assertEquals(await say(), 1);
  await time.run(servers[0]!.shutdown());
  await time.advance(5_000);
  assertEquals(servers.map(({ sessions }) => sessions.size), [0, 2, 1]);
  assertEquals(await say(), 1);
  const names = await time.run(
    Promise.all(Array.from({ length: 4 }, () => client.remote.name(null))),
  );
  assertEquals(counts(names.join("")), "b3 c3");
  await time.run(client.close());
  for (const server of servers) await time.run(server.shutdown());
});

Deno.test("topics reach the client once if each session subscribes, and not through calls", async () => {
  const Chat = protocol({
    name: "chat",
    server: { enter: unary<string, void>() },
    client: { said: notification<string>() },
  });
  using time = virtualTime({ seed: 2 });
  const network = simulatedNetwork({ latency: 2 });
  const start = (name: string) =>
    serve(Chat, network.listen(name)).handle({
      enter(room, { session }) {
        session.server.topic(room).subscribe(session);
      },
    });
  const servers = await Promise.all([start("a"), start("b")]);
  const heard: string[] = [];
  const client = createClient(
    Chat,
    [..."ab"].map((name) => network.address(name)),
    {
      balance: roundRobin(),
      handlers: { said: (text) => void heard.push(text) },
      onSession: (session) => session.remote.enter("garden"),
    },
  );
  await time.advance(100);
  await time.run(client.remote.enter("attic"));
  for (const server of servers) {
    server.topic("garden").publish.said("in the garden");
    server.topic("attic").publish.said("in the attic");
  }
  await time.advance(100);
  assertEquals(heard, ["in the garden"]);
  await time.run(client.close());
  for (const server of servers) await time.run(server.shutdown());
});

Deno.test("createClient() rejects policies that contradict its options", () => {
  const balance = roundRobin();
  assertThrows(
    () => createClient(Place, { port: 1 }, { balance, connections: 2 }),
    TypeError,
    'the option "connections"',
  );
  for (const other of ["roundRobin", {}, roundRobin, null, false] as never[]) { // a JavaScript program's
    assertThrows(
      () => createClient(Place, { port: 1 }, { balance: other }),
      TypeError,
      'as the option "balance"',
    );
  }
  const wrong = { eject: { failures: 3 } } as never; // as above
  assertThrows(() => leastRequest(wrong), TypeError, "failures");
  const none = { eject: null } as never; // as above; `false` is for never
  assertThrows(() => leastRequest(none), TypeError, "Cannot use null");
  assertThrows(() => rendezvousHash({} as never), TypeError, '"key"'); // as above
  assertThrows(
    () => roundRobin({ eject: { maxShare: 2 } }),
    RangeError,
    "eject.maxShare",
  );
});

Deno.test("calls over TCP go on when a server ends", async () => {
  const start = (name: string) =>
    serve(Place, { port: 0 }).handle({
      name: () => name,
      async *names() {},
    });
  const servers = await Promise.all([start("a"), start("b"), start("c")]);
  await using client = createClient(Place, servers.map(({ addr }) => addr), {
    balance: roundRobin(),
  });
  for await (const { kind } of client.events()) {
    if (kind === "connected" && client.stats.sessions.open === 3) break;
  }
  const names = async () => {
    const calls = Array.from({ length: 6 }, () => client.remote.name(0));
    return counts((await Promise.all(calls)).join(""));
  };
  assertEquals(await names(), "a3 b3 c3");
  await servers[1]!.abort();
  const rest = await names(); // calls that meet the end are sent again
  assert(!rest.includes("b"), rest);
  assertEquals(await names(), "a4 c4");
  for (const server of servers) await server.shutdown();
});
