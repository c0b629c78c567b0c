/**
 * Rates of many keys: one token bucket for each, in bounded memory.
 *
 * @module
 */
import { TokenBucket } from "../session/time/token_bucket.ts";

/** Maximum number of keys with a bucket of their own. */
export const MAX_KEYS = 10_000;

/** Longest key with a bucket of its own, in UTF-16 code units. */
const MAX_KEY = 256;

/** Number of full buckets to drop for each new one. */
const DROPS = 2;

/** Key of the bucket for all keys without one of their own. */
const OTHERS = Symbol("others");

/**
 * Rates of keys that a peer may choose.
 *
 * A full bucket is like a new one, so it is dropped. While `MAX_KEYS` buckets
 * are not full, further keys share one bucket, and so do long keys: a peer that
 * invents keys gains nothing, and takes nothing from keys that are in use.
 */
export class KeyedRate {
  readonly #perSecond: number;
  readonly #burst: number;
  /** Buckets by key; the one that was used last comes last. */
  readonly #buckets: Map<string | symbol, TokenBucket> = new Map();

  /**
   * @param perSecond number of calls per second for each key
   * @param burst maximum number of calls at once
   */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Number of buckets. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token of a key.
   *
   * @returns 0, or the milliseconds until the key has a token
   */
  take(key: string, now: number): number {
    const bucket = this.#bucketOf(key, now);
    return bucket.take(now) ? 0 : bucket.timeLeft(now);
  }

  #bucketOf(key: string, now: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return this.#use(key, known);
    this.#dropFull(now);
    const own = key.length <= MAX_KEY && this.#buckets.size < MAX_KEYS;
    const name = own ? key : OTHERS;
    return this.#use(
      name,
      this.#buckets.get(name) ?? new TokenBucket(this.#perSecond, this.#burst),
    );
  }

  #use(key: string | symbol, bucket: TokenBucket): TokenBucket {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Drops the buckets that were used least recently, if they are full. */
  #dropFull(now: number): void {
    let drops = 0;
    for (const [key, bucket] of this.#buckets) {
      if (drops++ === DROPS || !bucket.isFull(now)) return;
      this.#buckets.delete(key);
    }
  }
}
