/**
 * A store of outcomes in the memory of the process.
 *
 * ```text
 *            reserve            settle
 *   absent ──────────▶ running ────────▶ done, or gone if there is no room
 *     ▲                   │                │
 *     └───── release ─────┘                │ seen by the client, or expired
 *     └────────────────────────────────────┘
 * ```
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { randomId } from "../support/random_id.ts";
import type { OnceCall, OnceReservation, OnceStore } from "./once_store.ts";

/**
 * Options for {@linkcode memoryOnceStore}.
 *
 * @category Stores of outcomes
 */
export interface MemoryOnceStoreOptions {
  /**
   * Heap bytes of all calls together.
   *
   * Without room, further calls are refused with `overloaded`. A principal may
   * use a quarter of it; without `authenticate`, the clients of an address.
   *
   * @default {16777216}
   */
  maxBytes?: number | undefined;
  /**
   * Maximum length of an outcome in bytes.
   *
   * A longer outcome is sent, but not stored: a repeated call gets
   * `outcome-lost`.
   *
   * @default {65536}
   */
  maxOutcome?: number | undefined;
  /**
   * Milliseconds for which an outcome is kept, at least 1000.
   *
   * It is removed earlier if its client has seen it.
   *
   * @default {600000}
   */
  retention?: number | undefined;
  /**
   * Calls that a client may leave unacknowledged.
   *
   * They are its calls that run, and its calls whose outcomes are kept.
   *
   * @default {512}
   */
  maxUnacknowledged?: number | undefined;
}

const OPTIONS: OptionNames<MemoryOnceStoreOptions> = {
  maxBytes: true,
  maxOutcome: true,
  retention: true,
  maxUnacknowledged: true,
};

/**
 * Creates a store of outcomes in the memory of the process.
 *
 * It suits a single server process, and is the default of `ServerOptions.once`.
 * Its outcomes are lost when the process ends: a client that repeats a call then
 * gets an error with `processed: "maybe"`. Servers in one process may share a
 * store.
 *
 * @param options bounds of the store
 * @returns the store
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example Keep outcomes for an hour
 * ```ts
 * import { connect, memoryOnceStore, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Bank = protocol({
 *   name: "bank",
 *   server: { pay: unary<number, string>({ once: true }) },
 * });
 * let payments = 0;
 * await using server = await serve(Bank, { port: 0 }, {
 *   once: memoryOnceStore({ retention: 3_600_000 }),
 * }).handle({ pay: (cents) => `receipt ${++payments} for ${cents}` });
 *
 * await using session = await connect(Bank, server.addr);
 * const receipt = await session.remote.pay(500, { key: "order-17" });
 * assertEquals(await session.remote.pay(500, { key: "order-17" }), receipt);
 * assertEquals(payments, 1);
 * ```
 *
 * @category Servers
 */
export function memoryOnceStore(
  options: MemoryOnceStoreOptions = {},
): OnceStore {
  return new MemoryOnceStore(options, Date.now);
}

/** Heap bytes of a call without its key and its outcome. */
const CALL_COST = 448;
/** Bytes that are reserved for the outcome of a running call. */
const OUTCOME_ROOM = 1024;
/** Heap bytes of an outcome without its bytes. */
const OUTCOME_COST = 192;
/** Heap bytes of a client without its calls. */
const CLIENT_COST = 448;
/** Part of the bytes that one principal, or one address, may use. */
const SHARE = 1 / 4;

/** A client that numbers its calls. */
interface Client {
  readonly name: string;
  readonly group: string;
  /** Number up to which it has seen outcomes. */
  seen: number;
  /** Time of its last call. */
  usedAt: number;
  /** Its calls that are stored. */
  readonly calls: Set<Stored>;
}

/** A call that is stored. */
interface Stored {
  readonly key: string;
  readonly group: string;
  readonly number: number;
  readonly digest: string;
  readonly fence: string;
  readonly client: Client | undefined;
  /** Its state, or its outcome. */
  outcome: "running" | "gone" | Uint8Array;
  /** Heap bytes for which it counts. */
  held: number;
  /** Time at which it is removed; `Infinity` while it runs. */
  expiresAt: number;
}

/** The store. Its clock is a parameter for tests. */
export class MemoryOnceStore implements OnceStore {
  readonly id: string = randomId();
  /** Heap bytes that count. */
  held = 0;
  readonly #maxBytes: number;
  readonly #maxOutcome: number;
  readonly #retention: number;
  readonly #maxUnacknowledged: number;
  readonly #now: () => number;
  readonly #calls: Map<string, Stored> = new Map();
  /** Calls that have settled, in the order in which they expire. */
  readonly #settled: Set<Stored> = new Set();
  /** Clients by name, in the order of their last calls. */
  readonly #clients: Map<string, Client> = new Map();
  readonly #heldBy: Map<string, number> = new Map();
  #fences = 0;

  /**
   * @param options bounds of the store
   * @param now returns the time in ms since 1970
   */
  constructor(options: MemoryOnceStoreOptions, now: () => number) {
    checkOptions("memoryOnceStore()", options, OPTIONS);
    const { maxBytes = 16 * 1024 * 1024, maxOutcome = 64 * 1024 } = options;
    const { retention = 600_000, maxUnacknowledged = 512 } = options;
    checkRange("maxBytes", maxBytes, 64 * 1024);
    checkRange("maxOutcome", maxOutcome, 0);
    checkRange("retention", retention, 1_000);
    checkRange("maxUnacknowledged", maxUnacknowledged, 1);
    this.#maxBytes = maxBytes;
    this.#maxOutcome = maxOutcome;
    this.#retention = retention;
    this.#maxUnacknowledged = maxUnacknowledged;
    this.#now = now;
  }

  /** Number of calls that are stored. */
  get size(): number {
    return this.#calls.size;
  }

  /** @inheritdoc */
  reserve(call: OnceCall): OnceReservation {
    this.#expire();
    const client = this.#clients.get(call.client);
    if (client !== undefined) this.#acknowledge(client, call.seen);
    const stored = this.#calls.get(call.key);
    if (stored !== undefined) return answer(stored, call.digest);
    const seen = client?.seen ?? call.seen;
    const mayHaveRun = call.client !== "" && call.number <= seen ||
      this.#now() - call.created >= this.#retention;
    if (mayHaveRun) return { state: "gone" };
    const cost = CALL_COST + OUTCOME_ROOM + call.key.length;
    const numbered = call.client !== "";
    const isNew = numbered && client === undefined;
    const clientCost = isNew ? CLIENT_COST + call.client.length : 0;
    const full = !this.#hasRoom(call.group, cost + clientCost) ||
      (client?.calls.size ?? 0) >= this.#maxUnacknowledged;
    if (full) return { state: "full" };
    const owner = client ?? (numbered ? this.#addClient(call) : undefined);
    return { state: "new", fence: this.#add(call, owner, cost).fence };
  }

  /** @inheritdoc */
  settle({ key }: OnceCall, fence: string, outcome: Uint8Array): void {
    const stored = this.#running(key, fence);
    if (stored === undefined) return;
    this.#hold(stored, -OUTCOME_ROOM);
    const cost = OUTCOME_COST + outcome.length;
    const fits = outcome.length <= this.#maxOutcome &&
      this.#hasRoom(stored.group, cost);
    stored.outcome = fits ? outcome : "gone";
    if (fits) this.#hold(stored, cost);
    stored.expiresAt = this.#now() + this.#retention;
    this.#settled.add(stored);
    const { client } = stored;
    if (client !== undefined && stored.number <= client.seen) {
      this.#remove(stored);
    }
  }

  /** Reservations do not expire: they end with the process. @inheritdoc */
  renew(): void {}

  /** @inheritdoc */
  release({ key }: OnceCall, fence: string): void {
    const stored = this.#running(key, fence);
    if (stored !== undefined) this.#remove(stored);
  }

  #running(key: string, fence: string): Stored | undefined {
    const stored = this.#calls.get(key);
    return stored?.fence === fence && stored.outcome === "running"
      ? stored
      : undefined;
  }

  #addClient({ client: name, group, seen }: OnceCall): Client {
    const usedAt = this.#now();
    const client = { name, group, seen, usedAt, calls: new Set<Stored>() };
    this.#clients.set(name, client);
    this.#count(group, CLIENT_COST + name.length);
    return client;
  }

  #add(call: OnceCall, client: Client | undefined, held: number): Stored {
    const { key, group, number, digest } = call;
    const stored: Stored = {
      ...{ key, group, number, digest, client, held },
      fence: String(++this.#fences),
      outcome: "running",
      expiresAt: Infinity,
    };
    this.#calls.set(key, stored);
    client?.calls.add(stored);
    this.#count(group, held);
    return stored;
  }

  /** Removes the outcomes that a client has seen. */
  #acknowledge(client: Client, seen: number): void {
    client.usedAt = this.#now();
    this.#clients.delete(client.name); // becomes the last one
    this.#clients.set(client.name, client);
    if (seen <= client.seen) return;
    client.seen = seen;
    for (const stored of client.calls) {
      if (stored.number <= seen && stored.outcome !== "running") {
        this.#remove(stored);
      }
    }
  }

  #remove(stored: Stored): void {
    this.#calls.delete(stored.key);
    this.#settled.delete(stored);
    stored.client?.calls.delete(stored);
    this.#hold(stored, -stored.held);
  }

  /** Removes outcomes and clients whose time has passed. */
  #expire(): void {
    const now = this.#now();
    for (const stored of this.#settled) {
      if (stored.expiresAt > now) break;
      this.#remove(stored);
    }
    for (const client of this.#clients.values()) {
      if (client.usedAt + this.#retention > now) break;
      this.#clients.delete(client.name);
      if (client.calls.size === 0) {
        this.#count(client.group, -CLIENT_COST - client.name.length);
      } else { // its calls still need it
        client.usedAt = now;
        this.#clients.set(client.name, client);
      }
    }
  }

  #hasRoom(group: string, bytes: number): boolean {
    if (this.held + bytes > this.#maxBytes) return false;
    const own = (this.#heldBy.get(group) ?? 0) + bytes;
    return own <= this.#maxBytes * SHARE;
  }

  #hold(stored: Stored, bytes: number): void {
    stored.held += bytes;
    this.#count(stored.group, bytes);
  }

  #count(group: string, bytes: number): void {
    this.held += bytes;
    const held = (this.#heldBy.get(group) ?? 0) + bytes;
    if (held > 0) this.#heldBy.set(group, held);
    else this.#heldBy.delete(group);
  }
}

function answer({ digest, outcome }: Stored, wanted: string): OnceReservation {
  if (digest !== wanted) return { state: "conflict" };
  return typeof outcome === "string"
    ? { state: outcome }
    : { state: "done", outcome };
}

function checkRange(name: string, value: number, least: number): void {
  if (Number.isInteger(value) && value >= least) return;
  throw new RangeError(
    `Cannot store outcomes with ${name} ${value}: it must be an integer of at least ${least}`,
  );
}
