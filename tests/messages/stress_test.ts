import { assert, assertEquals } from "@std/assert";
import { peerOf } from "../../lib/messages/_peer.ts";
import { connect } from "../../lib/messages/client.ts";
import type { ClientSession } from "../../lib/messages/client.ts";
import type { CallOptions } from "../../lib/messages/call_types.ts";
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "../../lib/messages/declarations.ts";
import { CallError } from "../../lib/messages/errors.ts";
import { createServer } from "../../lib/messages/server.ts";
import type { Server, ServerContext } from "../../lib/messages/server_types.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import { memoryPair } from "../../lib/transport/memory.ts";
import { aborted, turns } from "./_kit.ts";

/** What a handler is to do. */
interface Order {
  mode: "ok" | "throw" | "declared" | "wait" | "refuse";
  size: number;
}

const Stress = protocol({
  name: "stress",
  server: {
    unary: unary<Order, Uint8Array, { no: void }>(),
    serverStream: serverStream<Order, Uint8Array, { no: void }>(),
    clientStream: clientStream<Uint8Array, number, { no: void }, Order>(),
    duplex: duplex<Uint8Array, number, { no: void }, Order>(),
    notification: notification<Order>(),
    back: unary<Order, Uint8Array>(),
  },
  client: { echo: unary<Order, Uint8Array>() },
});
type Shape = keyof typeof Stress.server;
const SHAPES: readonly Shape[] = [
  "unary",
  "serverStream",
  "clientStream",
  "duplex",
  "notification",
  "back",
];
const MODES: readonly Order["mode"][] = [
  "ok",
  "ok",
  "ok",
  "throw",
  "declared",
  "wait",
  "refuse",
];
const SIZES = [0, 10, 200, 3_000, 40_000, 300_000];
const CALLS = 10_000;
const AT_ONCE = 64;
const SESSIONS = 8;

/** mulberry32: any seed gives the same run of draws. */
function random(seed: number) {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
  return {
    below: (limit: number) => Math.floor(next() * limit),
    of: <Item>(list: readonly Item[]): Item | undefined =>
      list[Math.floor(next() * list.length)],
    chance: (share: number) => next() < share,
  };
}
type Random = ReturnType<typeof random>;

/** Counts the handlers: every one that is entered must settle. */
class Handlers {
  entered = 0;
  settled = 0;

  async #counted<Result>(work: () => Promise<Result>): Promise<Result> {
    this.entered++;
    try {
      return await work();
    } finally {
      this.settled++;
    }
  }

  serve(): Server<typeof Stress> {
    const counted = <Result>(work: () => Promise<Result>) =>
      this.#counted(work);
    const count = (by: "entered" | "settled") => this[by]++;
    return createServer(Stress, {
      unary: (order, context) =>
        counted(async () => {
          await act(order, context);
          return new Uint8Array(order.size);
        }),
      async *serverStream(order, context) {
        count("entered");
        try {
          for (let i = 0; i < 5; i++) yield new Uint8Array(order.size);
          await act(order, context);
        } finally {
          count("settled");
        }
      },
      clientStream: (items, context) =>
        counted(async () => {
          let bytes = 0;
          for await (const item of items) {
            bytes += item.length;
            if (context.opening.mode !== "ok") {
              await act(context.opening, context);
            }
          }
          return bytes;
        }),
      async *duplex(items, context) {
        count("entered");
        try {
          for await (const item of items) {
            yield item.length;
            if (context.opening.mode !== "ok") {
              await act(context.opening, context);
            }
          }
        } finally {
          count("settled");
        }
      },
      notification: (order) =>
        counted(() => {
          if (order.mode === "throw") throw new Error("broken");
          return Promise.resolve();
        }),
      back: (order, { remote }) =>
        counted(async () => await remote.echo(order)),
    }, { onError() {} });
  }
}

/** Does what was ordered. */
async function act(
  { mode }: Order,
  context: ServerContext<typeof Stress> & { error(name: "no"): CallError },
): Promise<void> {
  if (mode === "wait") throw await aborted(context.signal);
  if (mode === "throw") throw new Error("broken");
  if (mode === "declared") throw context.error("no");
  if (mode === "refuse") throw context.refuse("forbidden", "No");
}

/** The clients' side: sessions that come and go under the calls. */
class Clients {
  readonly sessions: ClientSession<typeof Stress>[] = [];
  readonly #ended: Promise<void>[] = [];
  readonly #dial: () => Promise<Connection>;
  readonly #draw: Random;
  readonly #connections = new WeakMap<object, Connection>();

  constructor(dial: () => Promise<Connection>, draw: Random) {
    this.#dial = dial;
    this.#draw = draw;
  }

  async add(): Promise<ClientSession<typeof Stress>> {
    const connection = await this.#dial();
    const session = await connect(Stress, connection, {
      handlers: {
        echo: ({ mode, size }) => {
          if (mode === "throw") throw new Error("broken");
          return new Uint8Array(size);
        },
      },
      onError() {},
    });
    this.#connections.set(session, connection);
    this.sessions.push(session);
    return session;
  }

  /** Ends one in one of the ways in which connections end. */
  end(server: Server<typeof Stress>): void {
    const session = this.#draw.of(this.sessions);
    const served = this.#draw.of([...server.sessions]);
    const ways = [
      () => session?.close(),
      () => this.#connections.get(session ?? this)?.close(), // cut, without a word
      () => served?.drain(),
      () => served?.close(),
    ];
    this.#ended.push(Promise.resolve(this.#draw.of(ways)?.()));
  }

  /** One that is alive. */
  async pick(): Promise<ClientSession<typeof Stress>> {
    const index = this.#draw.below(this.sessions.length);
    const session = this.sessions[index];
    if (session === undefined) return await this.add();
    if (peerOf(session)?.session.state === "open") return session;
    this.sessions.splice(index, 1);
    this.#ended.push(session.close());
    return await this.add();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#ended);
  }
}

/** Makes one call, and gives what it ended with: exactly one thing. */
async function call(
  session: ClientSession<typeof Stress>,
  draw: Random,
): Promise<string> {
  const shape = draw.of(SHAPES);
  const order: Order = {
    mode: draw.of(MODES) ?? "ok",
    size: draw.of(SIZES) ?? 0,
  };
  const controller = new AbortController();
  const options: CallOptions = { signal: controller.signal };
  const limited = draw.chance(0.3) || order.mode === "wait";
  if (limited && draw.chance(0.5)) options.timeout = 1 + draw.below(30);
  else if (limited) {
    turns(draw.below(4)).then(() => controller.abort(new Error("enough")));
  }
  const items = Array.from(
    { length: draw.below(4) },
    () => new Uint8Array(order.size),
  );
  const leave = draw.chance(0.2) ? 1 + draw.below(3) : Infinity;
  try {
    const { remote } = session;
    if (shape === "notification") await remote.notification(order, options);
    else if (shape === "unary") await remote.unary(order, options);
    else if (shape === "back") await remote.back(order, options);
    else if (shape === "clientStream") {
      await remote.clientStream(items, { ...options, opening: order }).result;
    } else {
      const stream = shape === "duplex"
        ? remote.duplex(items, { ...options, opening: order })
        : remote.serverStream(order, options);
      let taken = 0;
      for await (const _ of stream) if (++taken === leave) return "left";
    }
    return "ok";
  } catch (error) {
    if (error instanceof CallError) return error.code;
    throw error;
  }
}

async function run(
  seed: number,
  dial: () => Promise<Connection>,
  server: Server<typeof Stress>,
): Promise<Map<string, number>> {
  const draw = random(seed);
  const clients = new Clients(dial, draw);
  for (let i = 0; i < SESSIONS; i++) await clients.add();
  const ended = new Map<string, number>();
  let begun = 0;
  async function caller(): Promise<void> {
    while (begun < CALLS) {
      begun++;
      if (draw.chance(0.01)) clients.end(server);
      const outcome = await call(await clients.pick(), draw);
      ended.set(outcome, (ended.get(outcome) ?? 0) + 1);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  await clients.settled();
  await countWhatIsHeld([...clients.sessions, ...server.sessions]);
  await Promise.all(clients.sessions.map((session) => session.close()));
  return ended;
}

/** Once all has settled, a session holds nothing. */
async function countWhatIsHeld(sessions: object[]): Promise<void> {
  for (const each of sessions) {
    const peer = peerOf(each);
    assert(peer);
    const { session } = peer;
    while (session.state === "open" && !isIdle(peer)) await turns();
    if (session.state !== "open") continue;
    const { callCredit, requestCredit, requestOwed, ...held } =
      session.accounts;
    const { connectionWindow } = session.limits;
    assertEquals(requestCredit + requestOwed, connectionWindow);
    assertEquals(held, {
      backlog: 0,
      itemBacklog: 0,
      raisePool: connectionWindow,
      assembling: 0,
      timers: 0,
      blocked: 0,
    });
    // What is owed is granted in portions of a quarter.
    assert(callCredit > 0.7 * connectionWindow, `${callCredit}`);
  }
}

function isIdle({ session, notices }: NonNullable<ReturnType<typeof peerOf>>) {
  const { outgoing, incoming, queued } = session.inFlight;
  return outgoing + incoming + queued + notices.size === 0;
}

function check(ended: Map<string, number>, handlers: Handlers): void {
  let total = 0;
  for (const count of ended.values()) total += count;
  assertEquals(total, CALLS);
  for (
    const outcome of [
      "ok",
      "left",
      "cancelled",
      "deadline",
      "declared",
      "forbidden",
      "internal",
      "disconnected",
    ]
  ) assert((ended.get(outcome) ?? 0) > 0, `none ended with ${outcome}`);
  assertEquals(ended.get("malformed"), undefined);
  assertEquals(handlers.settled, handlers.entered);
}

const seed = Number(Deno.env.get("STRESS_SEED") ?? Date.now() % 2 ** 32);

Deno.test(`10,000 calls in memory settle, each once, and leave nothing (seed ${seed})`, async () => {
  const handlers = new Handlers();
  const server = handlers.serve();
  let pairs = seed;
  const ended = await run(seed, () => {
    const [near, far] = memoryPair({
      seed: ++pairs,
      readSize: { min: 1, max: 65536 },
      writeSize: { min: 1, max: 65536 },
    });
    server.accept(far);
    return Promise.resolve(near);
  }, server);
  await server.shutdown();
  check(ended, handlers);
});

Deno.test(`10,000 calls over TCP settle, each once, and leave nothing (seed ${seed})`, async () => {
  const handlers = new Handlers();
  const server = handlers.serve();
  const addr = await server.listen({ port: 0 });
  const ended = await run(
    seed,
    () => dialSocket(addr),
    server,
  );
  await server.shutdown();
  check(ended, handlers);
});
