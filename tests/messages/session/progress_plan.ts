/**
 * The behavior of the applications in one run of the progress simulation, drawn
 * from its seed.
 *
 * @module
 */
import {
  receivesItems,
  sendsItems,
} from "../../../lib/messages/session/calls/call_state.ts";
import type { SessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import { ASK, DOWN, TALK, UP } from "./session_calls.ts";
import { type Conditions, mulberry32, SMOOTH, TABLES } from "./simulation.ts";

/** Returns a random integer from 0 to below the argument. */
export type Random = (below: number) => number;

/** Difficulties that a run may contain. */
export interface Traits {
  /** Items, results, inputs and notifications need several frames. */
  readonly large: boolean;
  /** Some readers stop for ever. */
  readonly unread: boolean;
  /** Handlers call back before they settle. */
  readonly nested: boolean;
  /** Notifications arrive in bursts; their handlers call back. */
  readonly notifications: boolean;
  /** More calls than slots. */
  readonly crowded: boolean;
  /** Callers cancel, and deadlines pass. */
  readonly cancels: boolean;
  /** So many calls are cancelled soon that the callee slows them down. */
  readonly resets: boolean;
  /** The connection stalls for a while. */
  readonly stalls: boolean;
  /** The budget for items has room to lend. */
  readonly roomy: boolean;
  /** Many short streams, of which few are read, with items of about a frame. */
  readonly hungry: boolean;
  /** The client begins before the server's HELLO arrives. */
  readonly early: boolean;
  /** One side or both drain while calls are in flight. */
  readonly drains: boolean;
}

/** Returns the traits of a run. */
export function traitsOf(seed: number): Traits {
  const random = mulberry32(seed ^ 0x7a17);
  const is = () => random(2) === 0;
  const resets = random(25) === 0;
  const crowded = !resets && random(8) === 0;
  return {
    large: is(),
    unread: is(),
    // Handlers that wait for a slot while they occupy one would be a deadlock
    // of the applications.
    nested: is() && !crowded && !resets,
    notifications: is(),
    crowded,
    cancels: is(),
    resets,
    stalls: is(),
    roomy: random(3) === 0,
    hungry: random(5) === 0,
    early: random(4) === 0,
    drains: random(6) === 0,
  };
}

const KIB = 1024;
const NEVER = 2 ** 31 - 1;
const MAX_FRAME = 16 * KIB;

/** Largest message, bytes. */
export const LARGEST: number = 64 * KIB;

/** Returns the limits of one side; sizes are about the lowest that are possible. */
export function limitsOf(
  { resets, roomy }: Traits,
  random: Random,
): Partial<SessionLimits> {
  return {
    maxFrameBody: MAX_FRAME,
    maxMessage: LARGEST,
    maxCalls: 32,
    streamWindow: [KIB, 4 * KIB][random(2)]!,
    maxStreamWindow: 4 * KIB,
    connectionWindow: 64 * KIB,
    notifyWindow: 16 * KIB,
    itemsWindow: 64 * KIB,
    // Half of it, at least one message, is for items.
    maxAssembly: roomy && random(4) > 0 ? 8 * LARGEST : 2 * LARGEST,
    unreadTimeout: [500, 2000, 10_000][random(3)]!,
    cancelsPerSecond: resets ? 1 : 1000, // with bursts of maxCalls
    unsentSoft: 64 * KIB,
    unsentHard: 168 * KIB, // the lowest value for the limits above
    // Timers that would end what hangs.
    handshakeTimeout: NEVER,
    assemblyTimeout: NEVER,
    heartbeat: NEVER,
    pendingHeartbeat: NEVER,
    queueTimeout: NEVER,
  };
}

/** Returns the behavior of the connection. */
export function conditionsOf(random: Random): Conditions {
  return {
    latency: [random(3), 3 + random(30)],
    capacity: [4 * KIB, 20_000, 256 * KIB][random(3)]!,
    chunk: [9000, SMOOTH.chunk][random(2)]!,
    take: [50_000, Infinity][random(2)]!,
  };
}

/** How a reader reads. */
export type Reading =
  | "prompt"
  | "slow"
  | "late"
  | "pausing"
  | "stopping"
  | "leaving";

/** The items of one direction of a call. */
export interface FlowPlan {
  /** Bytes of each item. */
  readonly sizes: readonly number[];
  /** Pause between items, ms. */
  readonly pause: number;
  readonly reading: Reading;
  /** Number of items before the reader stops, leaves or pauses. */
  readonly reads: number;
  /** Index of the item before which the sender makes a call, or -1. */
  readonly callsBefore: number;
  /** Index of the item before which one that cannot be encoded is sent, or -1. */
  readonly failsBefore: number;
}

/** How a handler settles; an unsendable result cannot be encoded. */
export type Ending = "result" | "error" | "unsendable";

/** One call. */
export interface CallPlan {
  readonly method: number;
  readonly inputSize: number;
  readonly resultSize: number;
  readonly ending: Ending;
  readonly up: FlowPlan | undefined;
  readonly down: FlowPlan | undefined;
  /** Time before the handler does anything, ms. */
  readonly delay: number;
  /** Number of calls that the handler makes first, all at once. */
  readonly nested: number;
  /** Whether the handler settles only after the caller's items. */
  readonly waitsForItems: boolean;
}

const ENDINGS: readonly Ending[] = [
  ...["result", "result", "result", "result", "result"] as const,
  ...["error", "error", "unsendable"] as const,
];

/** Draws the plans of a run. */
export class Planner {
  readonly #traits: Traits;
  readonly #random: Random;
  /** How many of four messages may be large. */
  readonly #large: number;
  /** How many readers stop for ever, against five others. */
  readonly #stopping: number;
  /** One of this many calls is cancelled, and as many have a deadline. */
  readonly #cancels: number;

  constructor(traits: Traits, random: Random) {
    this.#traits = traits;
    this.#random = random;
    this.#large = traits.large ? 1 + random(3) : 0;
    this.#cancels = traits.resets
      ? 1
      : traits.cancels
      ? 1 + random(6)
      : Infinity;
    this.#stopping = traits.unread ? 1 + random(traits.hungry ? 16 : 8) : 0;
  }

  /** Number of calls that the applications make on their own. */
  get calls(): number {
    const { crowded, hungry, resets } = this.#traits;
    if (resets) return 100;
    if (crowded) return 36 + this.#random(12);
    return (hungry ? 15 : 3) + this.#random(10);
  }

  /** @param depth number of handlers that wait for the call */
  call(depth: number): CallPlan {
    const random = this.#random;
    const method = this.#method(depth);
    const { shape } = TABLES.calls[method]!;
    const nests = this.#calls(depth) && random(5) < 2;
    return {
      method,
      inputSize: Math.max(4, this.size()), // it begins with the call's index
      resultSize: this.size(),
      ending: ENDINGS[random(ENDINGS.length)]!,
      up: sendsItems(shape) ? this.#flow(depth) : undefined,
      down: receivesItems(shape) ? this.#flow(depth) : undefined,
      delay: this.#traits.resets || random(3) === 0 ? random(3000) : 0,
      nested: nests ? 1 + random(2) : 0,
      waitsForItems: random(2) === 0,
    };
  }

  /** Milliseconds until the caller cancels a call, or `Infinity`. */
  get patience(): number {
    const random = this.#random;
    const waits = this.#cancels === Infinity || random(this.#cancels) > 0;
    if (waits) return Infinity;
    return 1 + random(this.#traits.resets ? 300 : 3000);
  }

  #method(depth: number): number {
    const random = this.#random;
    if (this.#traits.resets && random(4) > 0) return ASK;
    if (this.#traits.hungry) return [DOWN, DOWN, UP, TALK][random(4)]!;
    if (depth > 0 && random(2) === 0) return ASK;
    return [ASK, DOWN, UP, TALK][random(4)]!;
  }

  #calls(depth: number): boolean {
    return this.#traits.nested && depth < 3;
  }

  #flow(depth: number): FlowPlan {
    const random = this.#random;
    const { cancels, hungry } = this.#traits;
    const readings: Reading[] = ["prompt", "prompt", "slow", "late", "pausing"];
    if (cancels) readings.push("leaving");
    for (let n = this.#stopping; n > 0; n--) readings.push("stopping");
    const count = random(hungry ? 3 : 8);
    const calls = this.#calls(depth) && random(6) === 0;
    return {
      sizes: Array.from(
        { length: count },
        () => hungry && random(4) > 0 ? random(17 * KIB) : this.size(),
      ),
      pause: random(3) === 0 ? random(500) : 0,
      reading: readings[random(readings.length)]!,
      reads: random(hungry ? 2 : 4),
      callsBefore: calls ? random(count + 1) : -1,
      failsBefore: random(8) === 0 ? random(count + 1) : -1,
    };
  }

  /** Returns the size of a message. */
  size(): number {
    const random = this.#random;
    if (random(4) < this.#large) {
      return [LARGEST, random(LARGEST), random(MAX_FRAME)][random(3)]!;
    }
    return [0, random(100), random(1000), random(3000)][random(4)]!;
  }
}
