import { assert, assertEquals } from "@std/assert";
import type { CallOptions } from "../../lib/messages/protocol/client_types.ts";
import { connect } from "../../lib/messages/client/connect.ts";
import type { ClientSession } from "../../lib/messages/client/client_session.ts";
import type { Connection } from "../../lib/transport/connection.ts";
import { connect as dialSocket } from "../../lib/transport/connect.ts";
import { TIMES } from "../times.ts";
import { dial, turns, typedSession } from "./kit.ts";
import {
  creditAddsUp,
  echo,
  Handlers,
  holdsNothing,
  type Order,
  Stress,
  type StressServer,
} from "./stress.ts";

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
const PADDINGS = [0, 0, 100, 5_000];
/** A window so small that credit often runs out. */
const LIMITS = { connectionWindow: 64 * 1024 };
const CALLS = 2_500 * TIMES;
const AT_ONCE = 64;
const SESSIONS = 8;

/** Returns a mulberry32 generator. */
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

/** Client sessions that start and end while calls run. */
class Clients {
  readonly sessions: ClientSession<typeof Stress>[] = [];
  /** All sessions, including ended ones, by the number that the server knows. */
  readonly all: ClientSession<typeof Stress>[] = [];
  readonly #ended: Promise<void>[] = [];
  readonly #dial: () => Promise<Connection>;
  readonly #draw: Random;
  readonly #connections = new WeakMap<object, Connection>();
  #connected = 0;

  constructor(dial: () => Promise<Connection>, draw: Random) {
    this.#dial = dial;
    this.#draw = draw;
  }

  async add(): Promise<ClientSession<typeof Stress>> {
    const connection = await this.#dial();
    const credentials = this.#connected++;
    const session = await connect(Stress, connection, {
      handlers: { echo },
      limits: LIMITS,
      credentials,
      onError() {},
    });
    this.all[credentials] = session;
    this.#connections.set(session, connection);
    this.sessions.push(session);
    return session;
  }

  /** Ends a random session in a random way. */
  end(server: StressServer): void {
    const session = this.#draw.of(this.sessions);
    const served = this.#draw.of([...server.sessions]);
    const ways = [
      () => session?.close(),
      () => this.#connections.get(session ?? this)?.close(), // without a GOAWAY
      () => served?.drain(),
      () => served?.close(),
    ];
    this.#ended.push(Promise.resolve(this.#draw.of(ways)?.()));
  }

  /** Returns an open session. */
  async pick(): Promise<ClientSession<typeof Stress>> {
    const index = this.#draw.below(this.sessions.length);
    const session = this.sessions[index];
    if (session === undefined) return await this.add();
    if (typedSession(session).session.state === "open") return session;
    this.sessions.splice(index, 1);
    this.#ended.push(session.close());
    return await this.add();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#ended);
  }
}

/** Makes one call; returns its outcome. */
async function call(
  id: number,
  session: ClientSession<typeof Stress>,
  { draw, handlers }: { draw: Random; handlers: Handlers },
): Promise<string> {
  const shape = draw.of(SHAPES);
  const order: Order = {
    id,
    mode: draw.of(MODES) ?? "ok",
    size: draw.of(SIZES) ?? 0,
    padding: new Uint8Array(draw.of(PADDINGS) ?? 0),
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
    return handlers.failed(id, error);
  }
}

async function run(
  seed: number,
  dial: () => Promise<Connection>,
  { server, handlers }: { server: StressServer; handlers: Handlers },
): Promise<Map<string, number>> {
  const draw = random(seed);
  const clients = new Clients(dial, draw);
  for (let i = 0; i < SESSIONS; i++) await clients.add();
  const ended = new Map<string, number>();
  let begun = 0;
  async function caller(): Promise<void> {
    while (begun < CALLS) {
      const id = begun++;
      if (draw.chance(0.01)) clients.end(server);
      const outcome = await call(id, await clients.pick(), { draw, handlers });
      ended.set(outcome, (ended.get(outcome) ?? 0) + 1);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, caller));
  await clients.settled();
  for (const each of [...clients.all, ...handlers.sessions.values()]) {
    await holdsNothing(each);
  }
  for (const [name, session] of clients.all.entries()) {
    const served = handlers.sessions.get(name);
    assert(served);
    const open = [session, served].every((each) =>
      typedSession(each).session.state === "open"
    );
    if (open) await creditAddsUp(session, served);
  }
  await Promise.all(clients.all.map((session) => session.close()));
  return ended;
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
  ) assert((ended.get(outcome) ?? 0) > 0, `no call ended with ${outcome}`);
  assertEquals(ended.get("malformed"), undefined);
  handlers.check();
}

const many = CALLS.toLocaleString("en");
const seed = Number(Deno.env.get("STRESS_SEED") ?? Date.now() % 2 ** 32);

Deno.test(`${many} calls in memory settle once each and leave no resource (seed ${seed})`, async () => {
  const handlers = new Handlers();
  const server = handlers.serve(LIMITS);
  let pairs = seed;
  const ended = await run(seed, () => {
    const connection = dial(server, {
      seed: ++pairs,
      readSize: { min: 1, max: 65536 },
      writeSize: { min: 1, max: 65536 },
    });
    return Promise.resolve(connection);
  }, { server, handlers });
  await server.shutdown();
  check(ended, handlers);
});

Deno.test(`${many} calls over TCP settle once each and leave no resource (seed ${seed})`, async () => {
  const handlers = new Handlers();
  const server = handlers.serve(LIMITS);
  const addr = await server.listen({ port: 0 });
  const ended = await run(seed, () => dialSocket(addr), { server, handlers });
  await server.shutdown();
  check(ended, handlers);
});
