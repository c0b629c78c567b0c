/**
 * A store of outcomes in a key-value bucket of NATS.
 *
 * A bucket keeps a record for each call, under the SHA-256 of its key. Each change
 * names the revision that it replaces, so that of any number of servers one reserves
 * a call:
 *
 * ```text
 *            create                 update
 *  nothing ─────────▶ running ─────────────────▶ done, or gone if it is too large
 *     ▲                │   │ its lease has passed
 *     └────────────────┘   └───────────────────▶ gone
 *          release
 * ```
 *
 * @module
 */
import { toHex } from "../messages/support/hex.ts";
import { randomId } from "../messages/support/random_id.ts";
import { sha256 } from "../messages/support/sha256.ts";
import type {
  OnceCall,
  OnceReservation,
  OnceStore,
} from "../messages/once/once_store.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";

/** An entry of a bucket. */
export interface NatsKvEntry {
  /** The value. */
  readonly value: Uint8Array;
  /** Number of the change that has set it. */
  readonly revision: number;
  /** `"PUT"`, or the way in which it was removed. */
  readonly operation: string;
}

/** A key-value bucket, such as one of `@nats-io/kv`. */
export interface NatsKv {
  /** Sets the value of a new key; rejects if there is one. */
  create(key: string, value: Uint8Array): Promise<number>;
  /** Returns the entry of a key. */
  get(key: string): Promise<NatsKvEntry | null>;
  /** Replaces a revision; rejects if there is a newer one. */
  update(key: string, value: Uint8Array, revision: number): Promise<number>;
  /** Removes a key; rejects if there is a newer revision. */
  delete(key: string, options: { previousSeq: number }): Promise<void>;
  /** Returns how the bucket is set up; `ttl` in ms, 0 for no limit. */
  status(): Promise<{ readonly ttl: number }>;
}

/** Options for {@linkcode natsOnceStore}. */
export interface NatsOnceStoreOptions {
  /**
   * Milliseconds after which a server that did not renew has crashed.
   *
   * @default {10000}
   */
  lease?: number | undefined;
  /**
   * Milliseconds for which outcomes are kept at least.
   *
   * @default {600000}
   */
  retention?: number | undefined;
  /**
   * Maximum length of an outcome in bytes; a larger one is lost for repeated calls.
   *
   * @default {65536}
   */
  maxOutcome?: number | undefined;
}

const OPTIONS: OptionNames<NatsOnceStoreOptions> = {
  lease: true,
  retention: true,
  maxOutcome: true,
};

/** Key of the id of the data. */
const ID = "id";

/** Attempts to change a record that other servers change, too. */
const ATTEMPTS = 10;

/** The record of a call. */
interface Stored {
  readonly digest: string;
  readonly fence: string;
  readonly state: "running" | "done" | "gone";
  /** End of the lease, Unix ms. */
  readonly until: number;
}

/**
 * Returns a store of outcomes in a key-value bucket of NATS.
 *
 * Servers that use the same bucket run each once call at most once.
 *
 * The bucket must keep its entries for twice the retention or longer (`ttl`), and be
 * used for nothing else. If it is full, new calls fail with `unavailable`; none is
 * removed before its time. The clocks of the servers may differ by less than `lease`.
 *
 * @param bucket a bucket, from `new Kvm(connection).create(name, { ttl })` of
 * `@nats-io/kv`
 * @param options lease and retention
 * @returns the store, for the option `once` of `serve()`
 * @throws {RangeError} if an option is out of range, or the bucket's `ttl` is too short
 * @throws {TypeError} if an option is unknown
 * @throws the error of the bucket, if it cannot be read
 *
 * @example
 * ```ts ignore
 * import { Kvm } from "@nats-io/kv";
 * import { serve } from "@lengthwise/lengthwise";
 * import { natsOnceStore } from "@lengthwise/lengthwise/nats";
 *
 * const bucket = await new Kvm(nats).create("once", { ttl: 1_200_000 });
 * const server = await serve(Bank, { port: 7000 }, {
 *   once: await natsOnceStore(bucket),
 * }).handle(handlers);
 * ```
 */
export async function natsOnceStore(
  bucket: NatsKv,
  options: NatsOnceStoreOptions = {},
): Promise<OnceStore> {
  checkOptions("natsOnceStore()", options, OPTIONS);
  const { lease = 10_000, retention = 600_000, maxOutcome = 65_536 } = options;
  for (const [name, value] of Object.entries({ lease, retention })) {
    if (Number.isInteger(value) && value >= 1 && value < 2 ** 31) continue;
    throw new RangeError(
      `Cannot create a store with ${name} ${value}: it must be an integer from 1 to ${
        2 ** 31 - 1
      } ms`,
    );
  }
  if (!Number.isInteger(maxOutcome) || maxOutcome < 0) {
    throw new RangeError(
      `Cannot create a store with maxOutcome ${maxOutcome}: it must be an integer of at least 0`,
    );
  }
  const { ttl } = await bucket.status();
  if (ttl > 0 && ttl < 2 * retention) {
    throw new RangeError(
      `Cannot use a bucket with a ttl of ${ttl} ms: it must be at least ${
        2 * retention
      }, twice the retention`,
    );
  }
  const id = await idOf(bucket);
  return new NatsOnceStore(bucket, id, { lease, retention, maxOutcome });
}

/** Reads or sets the id of the data. */
async function idOf(bucket: NatsKv): Promise<string> {
  const existing = await bucket.get(ID);
  if (existing?.operation === "PUT") {
    return new TextDecoder().decode(existing.value);
  }
  const id = randomId();
  try {
    await bucket.create(ID, new TextEncoder().encode(id));
    return id;
  } catch (error) {
    const other = await bucket.get(ID); // another server was faster
    if (other?.operation === "PUT") {
      return new TextDecoder().decode(other.value);
    }
    throw error;
  }
}

class NatsOnceStore implements OnceStore {
  readonly id: string;
  readonly lease: number;
  readonly #bucket: NatsKv;
  readonly #retention: number;
  readonly #maxOutcome: number;

  constructor(
    bucket: NatsKv,
    id: string,
    options: { lease: number; retention: number; maxOutcome: number },
  ) {
    this.#bucket = bucket;
    this.id = id;
    this.lease = options.lease;
    this.#retention = options.retention;
    this.#maxOutcome = options.maxOutcome;
  }

  async reserve(call: OnceCall): Promise<OnceReservation> {
    const key = keyOf(call);
    const fence = randomId();
    let failure: unknown;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const now = Date.now();
      const found = await this.#read(key);
      if (found !== undefined) {
        const { stored, outcome } = found;
        if (stored.digest !== call.digest) return { state: "conflict" };
        if (stored.state === "done") return { state: "done", outcome };
        if (stored.state === "gone") return { state: "gone" };
        // The reply to create() was lost: the reservation is this one.
        if (stored.fence === fence) return { state: "new", fence };
        if (stored.until > now) return { state: "running" };
        if (await this.#replace(key, found, { ...stored, state: "gone" })) {
          return { state: "gone" }; // its server has crashed
        }
        continue;
      }
      // Outcomes are kept for longer, so the call may have run.
      if (now - call.created >= this.#retention) return { state: "gone" };
      try {
        const { digest } = call;
        const until = now + this.lease;
        await this.#bucket.create(
          key,
          encode({ digest, fence, state: "running", until }),
        );
        return { state: "new", fence };
      } catch (error) {
        failure = error; // another server was faster, or the bucket is full
      }
    }
    throw failure;
  }

  async settle(
    call: OnceCall,
    fence: string,
    outcome: Uint8Array,
  ): Promise<void> {
    const fits = outcome.length <= this.#maxOutcome;
    await this.#change(call, fence, (stored) => ({
      stored: { ...stored, state: fits ? "done" : "gone" },
      outcome: fits ? outcome : undefined,
    }));
  }

  async renew(call: OnceCall, fence: string): Promise<void> {
    await this.#change(call, fence, (stored) => ({
      stored: { ...stored, until: Date.now() + this.lease },
    }));
  }

  async release(call: OnceCall, fence: string): Promise<void> {
    const key = keyOf(call);
    const found = await this.#read(key);
    if (found?.stored.fence !== fence || found.stored.state !== "running") {
      return;
    }
    await this.#bucket.delete(key, { previousSeq: found.revision });
  }

  /** Changes the record of a call, if its reservation has the fence. */
  async #change(
    call: OnceCall,
    fence: string,
    change: (
      stored: Stored,
    ) => { readonly stored: Stored; readonly outcome?: Uint8Array | undefined },
  ): Promise<void> {
    const key = keyOf(call);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const found = await this.#read(key);
      if (found?.stored.fence !== fence || found.stored.state !== "running") {
        return;
      }
      const { stored, outcome } = change(found.stored);
      if (await this.#replace(key, found, stored, outcome)) return;
    }
    throw new Error(
      `Cannot change the record of a call: it was changed ${ATTEMPTS} times meanwhile`,
    );
  }

  async #read(key: string) {
    const entry = await this.#bucket.get(key);
    if (entry === null || entry.operation !== "PUT") return undefined;
    return { ...decode(entry.value), revision: entry.revision };
  }

  /** Replaces a record; returns whether it is still the one that was read. */
  async #replace(
    key: string,
    { revision }: { readonly revision: number },
    stored: Stored,
    outcome?: Uint8Array,
  ): Promise<boolean> {
    try {
      await this.#bucket.update(key, encode(stored, outcome), revision);
      return true;
    } catch (error) {
      const newer = await this.#bucket.get(key);
      if (newer !== null && newer.revision !== revision) return false;
      throw error;
    }
  }
}

function keyOf({ key }: OnceCall): string {
  return `call.${toHex(sha256(new TextEncoder().encode(key)))}`;
}

/** Encodes a record: its JSON, a zero byte, and the outcome. */
function encode(
  stored: Stored,
  outcome: Uint8Array = new Uint8Array(),
): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(stored));
  const bytes = new Uint8Array(text.length + 1 + outcome.length);
  bytes.set(text);
  bytes.set(outcome, text.length + 1);
  return bytes;
}

/** Decodes a record. @throws {SyntaxError} if it is not one */
function decode(bytes: Uint8Array) {
  const end = bytes.indexOf(0);
  const text = new TextDecoder().decode(bytes.subarray(0, end));
  const stored: Stored = JSON.parse(text);
  // slice() of a Buffer, as Node.js has them, would not copy.
  return { stored, outcome: new Uint8Array(bytes.subarray(end + 1)) };
}
