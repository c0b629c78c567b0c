/**
 * Servers that share a bus, in virtual time.
 *
 * @module
 */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  bytes,
  CallError,
  type ClientSession,
  connect,
  createServer,
  json,
  type MessageCodec,
  msgpack,
  notification,
  protocol,
  type ServerOptions,
  unary,
} from "../../../lib/messages/mod.ts";
import type { Bus } from "../../../lib/messages/bus/bus.ts";
import type { BusGap } from "../../../lib/messages/bus/bus_member.ts";
import { type MemoryBus, memoryBus } from "../../../lib/messages/bus/mod.ts";
import { virtualTime } from "../../../lib/testing/virtual_time.ts";
import type { Connection } from "../../../lib/transport/mod.ts";
import { Gated } from "../gated.ts";
import { dial, turns } from "../kit.ts";

const Chat = protocol({
  name: "chat",
  server: { join: unary<string, void>(), leave: unary<string, void>() },
  client: {
    said: notification<string>(),
    level: notification<number>(),
  },
});

type Chatter = ClientSession<typeof Chat>;

function start(bus: Bus | undefined, options: ServerOptions<typeof Chat> = {}) {
  return createServer(Chat, { bus, ...options }).handle({
    async join(name, { session }) {
      await session.server.topic(name).subscribe(session).ready;
    },
    leave(name, { session }) {
      session.server.topic(name).unsubscribe(session);
    },
  });
}

type ChatServer = ReturnType<typeof start>;

async function chatter(
  server: ChatServer,
  codecs?: readonly [MessageCodec],
  connection: Connection = dial(server),
): Promise<{ session: Chatter; heard: unknown[] }> {
  const heard: unknown[] = [];
  const session = await connect(Chat, connection, {
    codecs,
    handlers: {
      said: (text) => void heard.push(text),
      level: (level) => void heard.push(level),
    },
  });
  return { session, heard };
}

/** Counts what a server asks of its bus, and can lose or repeat messages. */
class Watched implements Bus {
  readonly published: Uint8Array[] = [];
  readonly subjects: string[] = [];
  subscriptions = 0;
  /** Returns the messages that are passed on instead of one. */
  pass = (message: Uint8Array): Uint8Array[] => [message];
  readonly #bus: MemoryBus;

  constructor(bus: MemoryBus) {
    this.#bus = bus;
  }

  get maxMessage() {
    return this.#bus.maxMessage;
  }

  get status() {
    return this.#bus.status;
  }

  onStatus(listener: Parameters<Bus["onStatus"]>[0]) {
    return this.#bus.onStatus(listener);
  }

  publish(subject: string, message: Uint8Array) {
    this.published.push(message.slice());
    this.subjects.push(subject);
    return this.pass(message).every((each) => this.#bus.publish(subject, each));
  }

  subscribe(subject: string, receive: (message: Uint8Array) => void) {
    this.subscriptions++;
    return this.#bus.subscribe(subject, receive);
  }
}

Deno.test("each subscriber of two servers receives each message once, in order", async () => {
  const bus = memoryBus();
  const codecs = [msgpack(), json()] as const;
  await using near = start(bus.join(), { codecs });
  await using far = start(bus.join(), { codecs });
  const [one, two, three] = await Promise.all([
    chatter(near),
    chatter(far),
    chatter(far, [json()]),
  ]);
  for (const { session } of [one, two, three]) await session.remote.join("a");
  const sent = Array.from({ length: 50 }, (_, n) => `${n}`);
  for (const text of sent) {
    assertEquals(near.topic("a").publish.said(text), 1); // its own subscribers
  }
  await turns(20);
  assertEquals(far.broadcast.level(7), 2);
  await turns(20);
  for (const { session, heard } of [one, two, three]) {
    await session.remote.leave("other"); // arrives after what was sent before
    assertEquals(heard, [...sent, 7]);
    await session.close();
  }
  assertEquals(near.bus, {
    status: "up",
    subscriptions: 2,
    published: 50,
    dropped: 0,
    received: 1,
    gaps: 0,
    missing: 0,
    repeated: 0,
    unusable: 0,
  });
  assertEquals(far.stats.bus?.received, 50);
});

Deno.test("a bus that returns a server's own messages delivers none of them twice", async () => {
  const bus = memoryBus(); // one member for both: it receives what it publishes
  await using near = start(bus);
  await using far = start(bus);
  const [one, two] = [await chatter(near), await chatter(far)];
  await one.session.remote.join("a");
  await two.session.remote.join("a");
  near.topic("a").publish.said("once");
  await turns(20);
  for (const { session, heard } of [one, two]) {
    await session.remote.leave("other");
    assertEquals(heard, ["once"]);
    await session.close();
  }
  assertEquals(near.bus?.received, 0);
});

Deno.test("a message that is published right after join() arrives", async () => {
  const bus = memoryBus();
  const slow = bus.join();
  const ready = Promise.withResolvers<void>();
  const subscribe: Bus["subscribe"] = (subject, receive) => {
    if (subject.endsWith(".b")) return slow.subscribe(subject, receive);
    let subscription: Disposable | undefined;
    ready.promise.then(() => {
      subscription = slow.subscribe(subject, receive);
    });
    return {
      ready: ready.promise,
      [Symbol.dispose]: () => subscription?.[Symbol.dispose](),
    };
  };
  await using near = start(bus.join());
  await using far = start({
    maxMessage: slow.maxMessage,
    status: "up",
    onStatus: (listener) => slow.onStatus(listener),
    publish: (...message) => slow.publish(...message),
    subscribe,
  });
  const { session, heard } = await chatter(far);
  let joined = false;
  const join = session.remote.join("a").then(() => joined = true);
  await turns(20);
  assertEquals(joined, false);
  ready.resolve();
  await join;
  near.topic("a").publish.said("first");
  await turns(20);
  await session.remote.leave("other");
  assertEquals(heard, ["first"]);
  await session.close();
});

Deno.test("while the bus is down, servers deliver their own messages, and no burst follows", async () => {
  const bus = memoryBus();
  const [nearBus, farBus] = [bus.join(), bus.join()];
  const changes: string[] = [];
  const gaps: BusGap[] = [];
  await using near = start(nearBus, {
    busOptions: { onStatus: (status) => void changes.push(status) },
  });
  await using far = start(farBus, {
    busOptions: { onGap: (gap) => void gaps.push(gap) },
  });
  const [one, two] = [await chatter(near), await chatter(far)];
  for (const { session } of [one, two]) await session.remote.join("a");
  near.topic("a").publish.said("0");
  await turns(10);
  nearBus.disconnect();
  await two.session.remote.join("b"); // the other server is not affected
  await one.session.remote.join("c"); // resolves without the bus
  for (const text of ["1", "2", "3"]) near.topic("a").publish.said(text);
  await turns(10);
  assertEquals([near.bus?.status, near.bus?.dropped], ["down", 3]);
  nearBus.reconnect();
  await turns(10);
  assertEquals(far.bus?.received, 1); // nothing old arrives
  near.topic("a").publish.said("4");
  near.topic("c").publish.said("5");
  await turns(20);
  for (const { session } of [one, two]) await session.remote.leave("other");
  assertEquals(one.heard, ["0", "1", "2", "3", "4", "5"]);
  assertEquals(two.heard, ["0", "4"]);
  assertEquals(changes, ["down", "up"]);
  assertEquals(gaps, [{
    topic: "a",
    origin: near.instance.slice(0, 16),
    missing: 3,
  }]);
  assertEquals([far.bus?.gaps, far.bus?.missing], [1, 3]);
  for (const { session } of [one, two]) await session.close();
});

Deno.test("a message that the bus loses is reported, and one that it repeats is dropped", async () => {
  const bus = new Watched(memoryBus());
  await using near = start(bus);
  await using far = start(bus);
  const { session, heard } = await chatter(far);
  await session.remote.join("a");
  const passed = [1, 1, 0, 2, 0, 1];
  bus.pass = (message) => Array(passed.shift()).fill(message);
  for (const text of "abcdef") near.topic("a").publish.said(text);
  await turns(20);
  await session.remote.leave("other");
  assertEquals(heard, ["a", "b", "d", "f"]);
  const { gaps, missing, repeated } = far.bus!;
  assertEquals([gaps, missing, repeated], [2, 2, 1]);
  await session.close();
});

Deno.test("a message that the bus cannot carry is refused before anybody receives it", async () => {
  const bus = memoryBus({ maxMessage: 1_024 });
  await using near = start(bus.join());
  await using far = start(bus.join());
  const [one, two] = [await chatter(near), await chatter(far)];
  for (const { session } of [one, two]) await session.remote.join("a");
  for (const topic of [near.topic("a").publish, near.broadcast]) {
    const error = assertThrows(() => topic.said("x".repeat(1_024)), CallError);
    assertEquals([error.code, error.processed], ["too-large", "no"]);
  }
  const fits = "x".repeat(900);
  near.topic("a").publish.said(fits);
  await turns(20);
  for (const { session, heard } of [one, two]) {
    await session.remote.leave("other");
    assertEquals(heard, [fits]);
    await session.close();
  }
});

Deno.test("1,000 joins and leaves cost two subscriptions, which end after the linger", async () => {
  using time = virtualTime();
  const bus = new Watched(memoryBus());
  const server = start(bus);
  const { session } = await time.run(chatter(server));
  for (let n = 0; n < 1_000; n++) {
    const [member] = server.sessions;
    const subscription = server.topic("a").subscribe(member!);
    if (n % 2 === 0) subscription[Symbol.dispose]();
    else server.topic("a").unsubscribe(member!);
  }
  assertEquals(bus.subscriptions, 2); // broadcasts, and the topic
  await time.advance(4_999);
  assertEquals(server.bus?.subscriptions, 2);
  await time.advance(1);
  assertEquals(server.bus?.subscriptions, 1);
  await time.run(session.close());
  await time.run(server.shutdown());
  assertEquals(server.bus?.subscriptions, 0);
  assertEquals(time.timers, 0);
});

Deno.test("a topic that is joined again within the linger stays subscribed", async () => {
  using time = virtualTime();
  const bus = new Watched(memoryBus());
  const server = start(bus, { busOptions: { linger: 1_000 } });
  const { session } = await time.run(chatter(server));
  for (const name of ["a", "b"]) await time.run(session.remote.join(name));
  await time.run(session.remote.leave("a"));
  await time.advance(600);
  await time.run(session.remote.leave("b"));
  await time.run(session.remote.join("a"));
  await time.advance(10_000);
  assertEquals(server.bus?.subscriptions, 2); // broadcasts and "a"
  assertEquals(bus.subscriptions, 3);
  await time.run(session.close());
  await time.run(server.shutdown());
});

Deno.test("at most 1,000 topics without subscribers stay subscribed", async () => {
  const server = start(memoryBus());
  const { session } = await chatter(server);
  const [member] = server.sessions;
  for (let n = 0; n < 1_100; n++) {
    server.topic(`${n}`).subscribe(member!)[Symbol.dispose]();
  }
  assertEquals(server.bus?.subscriptions, 1_001);
  await session.close();
  await server.shutdown();
});

Deno.test("topics above maxTopics are refused, and leave nothing", async () => {
  const server = start(memoryBus(), { busOptions: { maxTopics: 3 } });
  const { session } = await chatter(server);
  const [member] = server.sessions;
  const join = (name: string) => server.topic(name).subscribe(member!);
  const first = join("0");
  join("1");
  join("2");
  join("2"); // no other topic
  for (const name of ["3", "4"]) {
    const error = assertThrows(() => join(name), CallError);
    assertEquals([error.code, error.processed], ["overloaded", "no"]);
    assertEquals(server.topic(name).size, 0);
  }
  assertEquals(server.bus?.subscriptions, 4); // with broadcasts
  // A client is refused in the same way.
  const error = await assertRejects(() => session.remote.join("5"), CallError);
  assertEquals(error.code, "overloaded");
  first[Symbol.dispose](); // its subscription lingers, and does not count
  await join("6").ready;
  assertThrows(() => join("0"), CallError);
  await session.close();
  await server.shutdown();
});

Deno.test("topics with the characters of wildcards reach only themselves", async () => {
  const bus = memoryBus();
  await using near = start(bus.join());
  await using far = start(bus.join());
  const { session, heard } = await chatter(far);
  const names = ["a.>", "*", ">", "ü ", "", "a", "a.b", "~Kg", "\ud800"];
  const [member] = far.sessions;
  for (const name of names) await far.topic(name).subscribe(member!).ready;
  for (const name of [...names, "a.c", "\ud801", "\ufffd"]) {
    near.topic(name).publish.said(name.toWellFormed());
  }
  await turns(20);
  await session.remote.leave("other");
  assertEquals(heard.length, names.length);
  assertEquals(heard, names.map((name) => name.toWellFormed()));
  await session.close();
});

Deno.test("servers whose versions number their methods differently reach the right handlers", async () => {
  const Next = protocol({
    name: "chat",
    server: { join: unary<string, void>(), leave: unary<string, void>() },
    client: {
      added: notification<boolean>(),
      level: notification<number>(),
      said: notification<string>(),
    },
  });
  const bus = memoryBus();
  await using old = start(bus.join());
  await using next = createServer(Next, { bus: bus.join() }).handle({
    join: (name, { session }) =>
      session.server.topic(name).subscribe(session).ready,
    leave() {},
  });
  const before = await chatter(old);
  const heard: unknown[] = [];
  const after = await connect(Next, dial(next), {
    handlers: {
      added: (value) => void heard.push(value),
      level: (level) => void heard.push(level),
      said: (text) => void heard.push(text),
    },
  });
  await before.session.remote.join("a");
  await after.remote.join("a");
  old.topic("a").publish.said("old");
  old.topic("a").publish.level(1);
  next.topic("a").publish.said("next");
  next.topic("a").publish.level(2);
  next.topic("a").publish.added(true); // unknown to the old version
  await turns(20);
  for (const session of [before.session, after]) {
    await session.remote.leave("other");
    await session.close();
  }
  assertEquals(before.heard.toSorted(), [1, 2, "next", "old"]);
  assertEquals(heard, ["next", 2, true, "old", 1]);
  assertEquals([old.bus?.unusable, next.bus?.unusable], [1, 0]);
});

Deno.test("messages of another envelope version, of no server and of an unknown codec are counted", async () => {
  const bus = memoryBus();
  const other = bus.join();
  const watched = new Watched(other);
  await using near = start(bus.join(), { codecs: [json()] });
  await using far = start(watched, { codecs: [bytes(), json()] });
  const { session, heard } = await chatter(near, [json()]);
  far.broadcast.said(new Uint8Array(1) as unknown as string); // for bytes()
  const [message] = watched.published;
  const version2 = message!.with(0, 2);
  other.publish(watched.subjects[0]!, version2);
  other.publish(watched.subjects[0]!, new Uint8Array(3));
  await turns(20);
  near.broadcast.said("after");
  await session.remote.leave("other");
  assertEquals(heard, ["after"]);
  assertEquals(near.bus?.unusable, 3);
  await session.close();
});

Deno.test("a message is encoded once per codec, wherever its subscribers are", async () => {
  let encoded = 0;
  const counted = (codec: MessageCodec): MessageCodec => ({
    ...codec,
    name: codec.name,
    encodeInto: (...target) => codec.encodeInto(...target),
    decode: (...body) => codec.decode(...body),
    encode(value) {
      if (value === "counted") encoded++;
      return codec.encode(value);
    },
  });
  const codecs = [counted(msgpack()), counted(json())] as const;
  const bus = memoryBus();
  await using near = start(bus.join(), { codecs });
  await using far = start(bus.join(), { codecs });
  const all = [
    ...[await chatter(near, [msgpack()]), await chatter(far, [msgpack()])],
    ...[await chatter(far, [msgpack()])],
  ];
  near.broadcast.said("counted");
  await turns(20);
  assertEquals(encoded, 1);
  all.push(await chatter(far, [json()]), await chatter(far, [json()]));
  near.broadcast.said("counted");
  await turns(20);
  assertEquals(encoded, 3); // again, and as JSON on the other server
  for (const { session, heard } of all) {
    await session.remote.leave("other");
    assertEquals(heard.at(-1), "counted");
    await session.close();
  }
});

Deno.test("a message keeps its key: a slow subscriber of another server gets the last state", async () => {
  const bus = memoryBus();
  await using near = start(bus.join());
  await using far = start(bus.join());
  const gate = new Gated(dial(far));
  const { session, heard } = await chatter(far, undefined, gate);
  await session.remote.join("a");
  gate.shut();
  const state = (n: number) => `${n} ${"x".repeat(32_000)}`;
  for (let n = 0; n < 80; n++) {
    near.topic("a").publish.said(state(n), { key: 1 });
  }
  await turns(20);
  const { conflated, published } = far.topic("a").stats;
  assertEquals(published, 80);
  assert(conflated > 0, `${conflated} were replaced`);
  gate.open();
  await session.remote.leave("other");
  assertEquals(heard.at(-1), state(79));
  assertEquals(heard.length, 80 - conflated);
  await session.close();
});

Deno.test("protocols and prefixes keep equal topics apart", async () => {
  const bus = memoryBus();
  const Other = protocol({
    name: "other",
    server: {},
    client: { said: notification<string>() },
  });
  await using near = start(bus.join());
  await using prefixed = start(bus.join(), { busOptions: { prefix: "b" } });
  await using other = createServer(Other, { bus: bus.join() }).handle({});
  const { session, heard } = await chatter(near);
  other.broadcast.said("other");
  prefixed.broadcast.said("prefixed");
  await turns(20);
  await session.remote.leave("other");
  assertEquals(heard, []);
  assertEquals(near.bus?.unusable, 0);
  await session.close();
});

Deno.test("a bus that throws and hooks that throw are reported, and end nothing", async () => {
  const bus = memoryBus();
  const errors: unknown[] = [];
  const nearBus = bus.join();
  const failing: Bus = {
    maxMessage: 1_000,
    status: "up",
    onStatus: (listener) => nearBus.onStatus(listener),
    publish() {
      throw new Error("publish");
    },
    subscribe() {
      throw new Error("subscribe");
    },
  };
  await using server = start(failing, {
    onError: ({ error }) => void errors.push((error as Error).message), // thrown above
    busOptions: {
      onStatus() {
        throw new Error("onStatus");
      },
    },
  });
  const { session, heard } = await chatter(server);
  await session.remote.join("a");
  server.topic("a").publish.said("local");
  nearBus.disconnect();
  await turns(10);
  await session.remote.leave("other");
  assertEquals(heard, ["local"]);
  assertEquals(errors, ["subscribe", "subscribe", "publish", "onStatus"]);
  assertEquals(server.bus?.dropped, 1);
  await session.close();
});

Deno.test("a server ends its subscriptions when it shuts down, and leaves the bus open", async () => {
  const bus = memoryBus();
  const server = start(bus);
  const { session } = await chatter(server);
  await session.remote.join("a");
  await session.close();
  await server.shutdown();
  assertEquals([server.bus?.subscriptions, bus.status], [0, "up"]);
  server.topic("a").publish.said("late");
  assertEquals(server.bus?.published, 0);
});

Deno.test("createServer() rejects what is not a bus, and options out of range", async () => {
  const invalid: [unknown, unknown][] = [
    [null, {}],
    [{ publish() {} }, {}],
    [memoryBus(), { prefix: "a.b" }],
    [memoryBus(), { prefix: "" }],
    [memoryBus(), { prefix: ">" }],
    [memoryBus(), { linger: -1 }],
    [memoryBus(), { maxTopics: 0 }],
    [memoryBus(), { onGap: 1 }],
    [memoryBus(), { onStatus: "x" }],
    [memoryBus(), { lingre: 1 }],
  ];
  for (const [bus, busOptions] of invalid) {
    const options = { bus, busOptions } as ServerOptions<typeof Chat>; // as JavaScript would
    await assertRejects(async () => {
      await start(undefined, options).shutdown();
    });
  }
});
