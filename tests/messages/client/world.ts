/**
 * A client, several servers and a network in virtual time: servers crash,
 * restart, drain and forget, and links are cut at any byte, stall, and lose one
 * direction. Nothing really waits.
 *
 * ```text
 *  application ─▶ client ─▶ simulated network ─▶ servers ─▶ handlers
 *       └──────────────────▶ ledger ◀──────────────────────────┘
 * ```
 *
 * @module
 */
import { createClient } from "../../../lib/messages/client/create_client.ts";
import type { Client } from "../../../lib/messages/client/create_client.ts";
import type { Connector } from "../../../lib/messages/client/connector.ts";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { SessionError } from "../../../lib/messages/errors/call_error.ts";
import { use } from "../../../lib/messages/handlers/use.ts";
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../../lib/messages/protocol/protocol.ts";
import { serve } from "../../../lib/messages/server/server.ts";
import type {
  Server,
  ServerContext,
} from "../../../lib/messages/server/server_types.ts";
import { MemoryOnceStore } from "../../../lib/messages/once/memory_once_store.ts";
import { type Source, source } from "../../../lib/messages/sources/source.ts";
import type { Gap } from "../../../lib/messages/session/wire/positions.ts";
import type {
  OnceCall,
  OnceStore,
} from "../../../lib/messages/once/once_store.ts";
import type { Handlers } from "../../../lib/messages/protocol/protocol_types.ts";
import type { SimulatedLink } from "../../../lib/testing/simulated_link.ts";
import {
  type SimulatedNetwork,
  simulatedNetwork,
} from "../../../lib/testing/simulated_network.ts";
import {
  type VirtualTime,
  virtualTime,
} from "../../../lib/testing/virtual_time.ts";
import {
  type Entry,
  Ledger,
  type LoggedCall,
  type MethodName,
} from "./world_ledger.ts";
import { countLinks, stillCharged } from "./world_links.ts";
import { type Draw, type Plan, planOf } from "./world_plan.ts";

/** The protocol of the run: each shape, idempotent or not, both ways. */
export const World = protocol({
  name: "world",
  server: {
    pay: unary<number, number>(),
    charge: unary<number, number>({ once: true }),
    look: unary<number, number>({ idempotent: true }),
    list: serverStream<number, number>({ idempotent: true }),
    feed: serverStream<number, number>(),
    watch: serverStream<number, number>(),
    upload: clientStream<number, number, Record<never, never>, number>(),
    talk: duplex<number, number, Record<never, never>, number>(),
  },
  client: {
    heard: notification<string>(),
    asked: unary<number, number>(),
  },
});

type WorldServer = Server<typeof World, void>;

/** Methods that the application calls. */
export const METHODS: readonly MethodName[] = [
  "pay",
  "charge",
  "look",
  "list",
  "feed",
  "watch",
  "upload",
  "talk",
];

/** Number of items that sources keep. */
const HISTORY = 20;

/** Milliseconds after which everything must be over. */
const END = 30 * 60_000;

/** Milliseconds after which stores keep no outcomes and no clients. */
const RETENTION = 21 * 60_000;

/** A call that a store refuses because of its age. */
const EXPIRED: OnceCall = {
  ...{ key: "", principal: "", group: "", client: "", digest: "" },
  ...{ number: 0, seen: 0, created: 0 },
};

/** Items of a stream, by the id of its call. */
export function itemsOf(id: number): number[] {
  return Array.from({ length: id % 7 }, (_, n) => id * 100 + n);
}

/** One run. */
export class Run {
  readonly plan: Plan;
  readonly ledger: Ledger = new Ledger();
  readonly #draw: Draw;
  readonly #time: VirtualTime;
  readonly #network: SimulatedNetwork;
  readonly #servers: Map<string, WorldServer> = new Map();
  /** Sources of the servers, by name; the same items go to all of them. */
  readonly #sources: Map<string, Source<number>> = new Map();
  /** Number of the last item. */
  #published = 0;
  #settled = false;
  /** Servers that have been stopped, and end. */
  readonly #ending: Promise<unknown>[] = [];
  #client: Client<typeof World> | undefined;
  #incarnation = 0;
  /** Stores that outlive their servers, by name. */
  readonly #stores: Map<string, OnceStore> = new Map();
  #over = false;
  /** Resolves when the client connects next. */
  #connecting: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Resolves when the application makes its next call. */
  #called: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Whether servers refuse calls for load. */
  #overloaded = false;
  /** Whether servers refuse credentials. */
  #locked = false;

  /** @param seed the seed of the run */
  constructor(seed: number) {
    const { plan, draw } = planOf(seed);
    this.plan = plan;
    this.#draw = draw;
    this.#time = virtualTime({ seed });
    const sizes = { min: 1, max: plan.chunk };
    this.#network = simulatedNetwork({
      seed,
      latency: plan.latency,
      readSize: sizes,
      writeSize: sizes,
    });
  }

  /** Simulates the run; the ledger then contains what happened. */
  async run(): Promise<this> {
    using _links = this.#watch();
    try {
      await this.#time.run(this.#live());
    } finally {
      this.#time[Symbol.dispose]();
      own.size = 0;
    }
    return this;
  }

  #watch(): Disposable {
    const { links, charged } = this.ledger;
    return countLinks(links, charged, this.plan.ring);
  }

  async #live(): Promise<void> {
    const { servers, span, closesEarly } = this.plan;
    await Promise.all(servers.map((name) => this.#start(name)));
    const client = this.#client = this.#createClient(servers);
    const following = this.#follow(client);
    const application = this.#application(client);
    const failures = this.#failures();
    const broadcasts = this.#broadcasts();
    const publishing = this.#publish();
    await own.sleep(closesEarly ? this.#draw(span) : span);
    if (closesEarly) {
      await Promise.race([own.sleep(5_000), this.#connecting.promise]);
      await this.#close(client);
    }
    await failures;
    this.#over = true;
    await this.#heal();
    const { pending } = this.ledger;
    await this.#within("a call", application);
    pending.length = 0; // the ledger has the calls
    this.ledger.stuck = this.ledger.calls.filter(({ settledAt }) =>
      settledAt.length === 0
    );
    await this.#close(client);
    await this.#within("events()", following);
    this.#settled = true;
    await Promise.all([broadcasts, publishing]);
    for (const server of this.#servers.values()) {
      this.#ending.push(server.abort());
    }
    await this.#within("abort()", Promise.all(this.#ending));
    // Handlers of calls that run once go on without their sessions.
    while (this.#charges) await own.sleep(10);
    this.ledger.timersLeft = this.#time.timers - own.size;
    this.ledger.linksLeft = this.#network.links.length;
    await this.#checkHeld();
  }

  /** Notes what still counts bytes when everything has ended. */
  async #checkHeld(): Promise<void> {
    const { held, charged, stores } = this.ledger;
    held.push(...stillCharged(charged));
    await own.sleep(RETENTION);
    for (const store of stores) {
      store.reserve(EXPIRED); // removes what has expired
      if (store.held > 0) held.push(`${store.held} bytes of outcomes`);
    }
  }

  /** Whether a handler of a call that runs once has not settled. */
  get #charges(): boolean {
    return this.ledger.calls.some(({ method, entries }) =>
      method === "charge" && entries.some(({ settled }) => !settled)
    );
  }

  /** Notes a promise that does not settle in time. */
  async #within(name: string, work: Promise<unknown>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = own.after(END, () => {
      this.ledger.pending.push(name);
      resolve();
    });
    await Promise.race([work, promise]);
    cancel();
  }

  async #close(client: Client<typeof World>): Promise<void> {
    this.ledger.closedAt ??= this.#time.now;
    await this.#within("close()", client.close());
  }

  // ── servers ────────────────────────────────────────────────────────────

  async #start(name: string): Promise<void> {
    const { ledger } = this;
    const incarnation = `${name}${++this.#incarnation}`;
    const server = await serve(World, this.#network.listen(name), {
      onError: () => {},
      once: this.#store(name),
      principal: () => "client",
      resume: { grace: this.plan.grace },
      authenticate: () => {
        if (!this.#locked) return;
        throw new CallError("locked", { code: "unauthenticated" });
      },
    }).handle(use(
      (context, next) => {
        const { input } = context;
        // Calls whose opening has not been read have no id yet.
        if (typeof input !== "number" || !this.#overloaded) return next();
        ledger.calls[input]!.refused.push({
          at: this.#time.now,
          attempt: context.attempt,
        });
        throw context.refuse("too much to do", {
          code: "overloaded",
          retry: "later",
          retryAfter: input % 3 === 0 ? 0 : 200,
        });
      },
      handlersOf(ledger, incarnation, this.#time, this.#source(name)),
    ));
    this.#servers.set(name, server);
  }

  /** Returns the source of a new server, which knows the newest items. */
  #source(name: string): Source<number> {
    const first = Math.max(0, this.#published - HISTORY);
    const items = source<number>({
      history: { items: HISTORY },
      ...(this.plan.oneEpoch && { after: { epoch: 1, number: first } }),
    });
    for (let item = first + 1; item <= this.#published; item++) {
      items.publish(item);
    }
    this.#sources.set(name, items);
    return items;
  }

  async #publish(): Promise<void> {
    while (!this.#settled) {
      await own.sleep(250);
      this.#published++;
      for (const items of this.#sources.values()) {
        items.publish(this.#published);
      }
    }
  }

  /** Returns the store of outcomes for a new server. */
  #store(server: string): OnceStore {
    const { stores } = this.plan;
    if (stores === "each process") return watched(this.ledger, this.#time);
    const name = stores === "one" ? "" : server;
    const store = this.#stores.get(name) ?? watched(this.ledger, this.#time);
    this.#stores.set(name, store);
    return store;
  }

  /** Ends a server as a killed process ends: its links are cut. */
  #kill(name: string): void {
    const server = this.#servers.get(name);
    this.#network.set(name, "down");
    this.#servers.delete(name);
    if (server !== undefined) this.#ending.push(server.abort());
  }

  /** Drains a server; another one takes its name when its listener is closed. */
  #drain(name: string, retryAfter: number): void {
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    this.#ending.push(
      server?.shutdown({ grace: 2_000, retryAfter, spread: 1_000 }) ??
        Promise.resolve(),
    );
  }

  async #restart(name: string): Promise<void> {
    this.#network.set(name, "up");
    if (!this.#servers.has(name)) await this.#start(name);
  }

  async #broadcasts(): Promise<void> {
    for (let number = 0; !this.#over; number++) {
      await own.sleep(2_000);
      for (const [name, server] of this.#servers) {
        // The send queues take it at once, or the test would wait.
        void server.broadcast.heard(`${name}${number}`);
      }
    }
  }

  // ── failures ───────────────────────────────────────────────────────────

  async #failures(): Promise<void> {
    const { failures, span } = this.plan;
    for (let number = 0; number < failures; number++) {
      await own.sleep(200 + this.#draw(span / failures));
      if (!this.#over) await this.#called.promise;
      await own.sleep(this.#draw(120));
      await this.#fail();
    }
  }

  async #fail(): Promise<void> {
    const name = pick(this.plan.servers, this.#draw);
    switch (this.plan.class) {
      case "calm":
        return;
      case "cuts":
        return this.#cut(false);
      case "half-open":
        return this.#cut(true);
      case "resumed":
      case "full":
        return this.#cut(this.#draw(3) === 0);
      case "silence":
        return await this.#silence(name);
      case "restarts":
        this.#kill(name);
        await own.sleep(this.#draw(5_000));
        return await this.#restart(name);
      case "drains":
        return await this.#drains(name);
      case "load":
        this.#overloaded = true;
        await own.sleep(200 + this.#draw(2_000));
        this.#overloaded = false;
        return;
      case "refusals":
        return await this.#refusals();
      case "storm":
        return await this.#storm();
      case "all":
        return await this.#any(name);
    }
  }

  async #any(name: string): Promise<void> {
    switch (this.#draw(6)) {
      case 0:
        return this.#cut(false);
      case 1:
        return this.#cut(true);
      case 2:
        return await this.#silence(name);
      case 3:
        this.#kill(name);
        await own.sleep(this.#draw(5_000));
        return await this.#restart(name);
      case 4:
        return await this.#drains(name);
      default:
        return await this.#refusals();
    }
  }

  /** Breaks a link, after some more bytes. */
  #cut(halfOpen: boolean): void {
    const { links } = this.#network;
    if (links.length === 0) return;
    const link = pick(links, this.#draw);
    const way = this.#draw(2) === 0 ? link.toServer : link.toClient;
    const after = way.bytes + this.#draw(300);
    if (!halfOpen) {
      way.fault = { kind: "reset", after };
      own.after(2_000, () => link.cut()); // if few bytes follow
      return;
    }
    link.toServer.fault = { kind: "stall", after: link.toServer.bytes };
    if (this.#draw(2) === 0) way.fault = { kind: "stall", after };
    const end = pick(["client", "server"] as const, this.#draw);
    own.after(this.#draw(1_000), () => link.cut(end));
  }

  async #silence(name: string): Promise<void> {
    if (this.#draw(2) === 0) return await this.#loseOneWay();
    this.#network.set(name, "silent");
    await own.sleep(this.#draw(90_000));
    this.#network.set(name, "up");
  }

  async #loseOneWay(): Promise<void> {
    const { links } = this.#network;
    if (links.length === 0) return;
    const link: SimulatedLink = pick(links, this.#draw);
    const way = this.#draw(2) === 0 ? link.toServer : link.toClient;
    way.fault = { kind: "stall", after: way.bytes };
    await own.sleep(this.#draw(90_000));
    way.fault = undefined;
  }

  async #drains(name: string): Promise<void> {
    if (this.#draw(3) === 0) {
      for (const session of this.#servers.get(name)?.sessions ?? []) {
        const ended = session.drain({ code: "age", grace: 2_000 });
        this.#ending.push(ended);
      }
      return;
    }
    this.#drain(name, this.#draw(2) * 3_000);
    await own.sleep(this.#draw(4_000));
    await this.#restart(name);
  }

  /** Refuses the client's credentials, which are then new ones each time. */
  async #refusals(): Promise<void> {
    const names = this.plan.servers;
    for (const name of names) this.#kill(name);
    this.#locked = this.#draw(3) === 0;
    await Promise.all(names.map((name) => this.#restart(name)));
    await own.sleep(this.#draw(8_000));
    this.#locked = false;
  }

  /** For a while, each session is drained as soon as it is accepted. */
  async #storm(): Promise<void> {
    const until = this.#time.now + 4_000;
    while (this.#time.now < until) {
      for (const server of this.#servers.values()) {
        for (const session of server.sessions) {
          this.#ending.push(session.drain({ grace: 500 }));
        }
      }
      await own.sleep(20);
    }
  }

  /** Ends all failures. */
  async #heal(): Promise<void> {
    this.#overloaded = this.#locked = false;
    await Promise.all(this.plan.servers.map((name) => this.#restart(name)));
  }

  // ── the client and its application ─────────────────────────────────────

  #createClient(names: readonly string[]): Client<typeof World> {
    const { plan, ledger } = this;
    const dialled = (connector: Connector, name: string): Connector => ({
      ...connector,
      connect: (signal) => {
        ledger.dials.push({ name, at: this.#time.now });
        return connector.connect(signal);
      },
    });
    return createClient(
      World,
      names.map((name) => dialled(this.#network.address(name), name)),
      {
        connections: plan.connections,
        credentials: async () => {
          if (plan.credentials > 0) await own.sleep(plan.credentials);
          return "key";
        },
        retry: { maxAttempts: plan.maxAttempts, budget: { perSecond: 2 } },
        reconnect: { minDelay: 100, maxDelay: 5_000 },
        handlers: {
          heard: (text) => {
            ledger.heard.set(text, (ledger.heard.get(text) ?? 0) + 1);
          },
          asked: (number) => number,
        },
      },
    );
  }

  async #follow(client: Client<typeof World>): Promise<void> {
    let sessions = 0;
    for await (const { kind, address, cause } of client.events()) {
      const at = this.#time.now;
      const retryAfter = cause instanceof SessionError ? cause.retryAfter : 0;
      this.ledger.events.push({ kind, address, at, retryAfter });
      if (kind === "connecting") {
        this.#connecting.resolve();
        this.#connecting = Promise.withResolvers();
      }
      if (kind === "connected") sessions++;
      if (kind === "lost" || kind === "draining") sessions--;
      this.ledger.mostSessions = Math.max(this.ledger.mostSessions, sessions);
    }
  }

  async #application(client: Client<typeof World>): Promise<void> {
    const { calls, span } = this.plan;
    const running: Promise<void>[] = [];
    for (let number = 0; number < calls; number++) {
      await own.sleep(1 + this.#draw(2 * span / calls));
      running.push(this.#call(client));
      this.#called.resolve();
      this.#called = Promise.withResolvers();
    }
    this.#called.resolve(); // no failure waits for another call
    await Promise.all(running);
  }

  async #call(client: Client<typeof World>): Promise<void> {
    const draw = this.#draw;
    const load = this.plan.class === "load";
    const method = load
      ? "look"
      : (draw(5) === 0 ? "charge" : pick(METHODS, draw));
    const timeout = !load && draw(3) === 0 ? 20 + draw(8_000) : undefined;
    const call = this.ledger.call(method, this.#time.now, timeout);
    const controller = new AbortController();
    const signal = counted(controller.signal, call);
    if (!load && draw(6) === 0) {
      own.after(draw(4_000), () => {
        call.abortedAt = this.#time.now;
        controller.abort();
      });
    }
    const options = timeout === undefined ? { signal } : { signal, timeout };
    try {
      call.outcome = await perform(client, call, options, draw);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      call.outcome = error;
    }
    call.settledAt.push(this.#time.now);
  }
}

/** Returns a store that enters its answers into a ledger. */
function watched(ledger: Ledger, time: { readonly now: number }): OnceStore {
  const store = new MemoryOnceStore({}, () => Date.now());
  ledger.stores.push(store);
  const { id } = store;
  /** Number up to which each client needs no outcomes. */
  const acknowledged = new Map<string, number>();
  return {
    id,
    async reserve(call) {
      const reservation = await store.reserve(call);
      const { key, client, number } = call;
      const { state } = reservation;
      const seen = Math.max(call.seen, acknowledged.get(client) ?? 0);
      acknowledged.set(client, seen);
      const needed = number > seen;
      ledger.reservations.push({ id, key, state, at: time.now, needed });
      return reservation;
    },
    settle(call, fence, outcome) {
      ledger.settlements.push({ id, key: call.key, at: time.now });
      return store.settle(call, fence, outcome);
    },
    renew: () => store.renew(),
    release: (call, fence) => store.release(call, fence),
  };
}

interface Working {
  readonly signal: AbortSignal;
  readonly timeLeft: number;
  readonly attempt: number;
}

/** Returns handlers that enter their runs into a ledger. */
export function handlersOf(
  ledger: Ledger,
  server: string,
  time: { readonly now: number },
  items: Source<number>,
): Handlers<
  typeof World,
  "server",
  ServerContext<typeof World, void>
> {
  const enter = (id: number, { timeLeft, attempt }: Working) =>
    ledger.enter(id, { server, at: time.now, timeLeft, attempt });
  return {
    pay: (id, context) => settled(enter(id, context), () => work(id, context)),
    charge: (id, context) =>
      settled(enter(id, context), async () => {
        await own.sleep([0, 50, 500, 2_000][id % 4]!); // in range: a modulus
        return id;
      }),
    look: (id, context) => settled(enter(id, context), () => work(id, context)),
    list: (id, context) =>
      settledItems(enter(id, context), produce(id, context)),
    feed: (id, context) =>
      settledItems(enter(id, context), produce(id, context)),
    watch: (id, context) => {
      const entry = enter(id, context);
      entry.settled = true; // a draining server ends the stream at any time
      return items.items(context);
    },
    upload: (items, context) =>
      settled(enter(context.opening, context), async () => {
        let sum = 0;
        for await (const item of items) sum += item;
        return sum;
      }),
    talk: (items, context) =>
      settledItems(enter(context.opening, context), items),
  };
}

/** Works for a time that depends on the call. */
async function work(id: number, { signal }: Working): Promise<number> {
  const ms = [0, 0, 5, 50, 400, 3_000][id % 6]!; // in range: a modulus
  if (ms > 0) await own.sleep(ms, signal);
  return id;
}

async function* produce(
  id: number,
  { signal }: Working,
): AsyncGenerator<number, void> {
  for (const item of itemsOf(id)) {
    if (item % 2 === 0) await own.sleep(item % 5 * 50, signal);
    yield item;
  }
}

async function settled<T>(entry: Entry, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    entry.settled = true;
  }
}

async function* settledItems<T>(
  entry: Entry,
  items: AsyncIterable<T>,
): AsyncGenerator<T, void> {
  try {
    yield* items;
  } finally {
    entry.settled = true;
  }
}

/** Makes a call and checks its result. */
export async function perform(
  client: Client<typeof World>,
  call: LoggedCall,
  options: { signal: AbortSignal; timeout?: number },
  draw: Draw,
): Promise<"ok" | "left"> {
  const { id, method } = call;
  const { remote } = client;
  const expected = itemsOf(id);
  const expect = (actual: unknown, wanted: unknown) => {
    if (String(actual) === String(wanted)) return;
    call.wrong.push(`expected ${wanted}, received ${actual}`);
  };
  switch (method) {
    case "charge":
    case "pay":
    case "look":
      expect(await remote[method](id, options), id);
      return "ok";
    case "upload": {
      const { result } = remote.upload(slowly(expected), {
        ...options,
        opening: id,
      });
      expect(await result, expected.reduce((sum, item) => sum + item, 0));
      return "ok";
    }
    case "list":
    case "feed":
      return await read(remote[method](id, options), expected, call, draw);
    case "watch":
      return await watch(client, call, options, draw);
    case "talk": {
      const conversation = remote.talk(slowly(expected), {
        ...options,
        opening: id,
      });
      return await read(conversation, expected, call, draw);
    }
  }
}

/** Reads some items of a source. */
async function watch(
  { remote }: Client<typeof World>,
  { id, watched }: LoggedCall,
  options: { signal: AbortSignal; timeout?: number },
  draw: Draw,
): Promise<"ok" | "left"> {
  const count = 5 + draw(40);
  const onGap = draw(2) === 0
    ? (gap: Gap) => void watched.push(gap)
    : undefined;
  let received = 0;
  for await (const item of remote.watch(id, { ...options, onGap })) {
    watched.push(item);
    if (++received === count) return "left";
    if (draw(20) === 0) await own.sleep(draw(3_000));
  }
  return "ok";
}

/** Reads items; sometimes leaves early, or pauses. */
async function read(
  items: AsyncIterable<number>,
  expected: readonly number[],
  call: LoggedCall,
  draw: Draw,
): Promise<"ok" | "left"> {
  const leaveAfter = draw(6) === 0 ? draw(4) : Infinity;
  const received: number[] = [];
  const iterator = items[Symbol.asyncIterator]();
  const check = (whole: boolean) => {
    const wanted = whole ? expected : expected.slice(0, received.length);
    if (String(received) === String(wanted)) return;
    call.wrong.push(`expected items ${wanted}, received ${received}`);
  };
  for (;;) {
    if (received.length >= leaveAfter) {
      await iterator.return?.();
      check(false);
      return "left";
    }
    let result;
    try {
      result = await iterator.next();
    } catch (error) {
      check(false);
      const after = await iterator.next();
      if (!after.done) call.late++;
      throw error;
    }
    if (result.done) break;
    received.push(result.value);
    if (draw(8) === 0) await own.sleep(draw(500));
  }
  check(true);
  return "ok";
}

async function* slowly(items: readonly number[]): AsyncGenerator<number> {
  for (const item of items) {
    if (item % 3 === 0) await own.sleep(item % 4 * 30);
    yield item;
  }
}

/** Counts the listeners of a call's signal. */
function counted(signal: AbortSignal, call: LoggedCall): AbortSignal {
  const { listeners } = call;
  const known = new Set<unknown>();
  const update = () => {
    listeners.now = known.size;
    listeners.most = Math.max(listeners.most, known.size);
  };
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ) => {
    if (!signal.aborted) known.add(listener);
    update();
    add(type, listener, options);
  };
  signal.removeEventListener = (
    type: string,
    listener: EventListenerOrEventListenerObject,
  ) => {
    known.delete(listener);
    update();
    remove(type, listener);
  };
  add("abort", () => {
    known.clear(); // all of them are called once
    update();
  });
  return signal;
}

function pick<T>(from: readonly T[], draw: Draw): T {
  return from[draw(from.length)]!; // never empty
}

/** Timers of the simulation itself, which are not the library's. */
class OwnTimers {
  /** Number of timers that have not fired. */
  size = 0;

  /** Calls a function later. */
  after(ms: number, run: () => void): () => void {
    this.size++;
    let armed = true;
    const end = () => {
      if (armed) this.size--;
      armed = false;
    };
    const timer = setTimeout(() => {
      end();
      run();
    }, ms);
    return () => {
      end();
      clearTimeout(timer);
    };
  }

  /** Resolves later, or rejects when the signal is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const cancel = this.after(ms, resolve);
    const abort = () => {
      cancel();
      reject(signal?.reason);
    };
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    return promise;
  }
}

/** Timers of the application, the handlers and the failures. */
export const own = new OwnTimers();
