/**
 * Remembers how large the recent messages of each method were.
 *
 * @module
 */

/** Sizes to expect of a method of which none is known. */
export interface UnknownSize {
  /** Bytes to expect at first. */
  readonly first: number;
  /** Least bytes to expect, however long the method's handlers run. */
  readonly least: number;
}

/** Milliseconds after which half of an unknown size is expected. */
const HALVING = 64;

/**
 * Largest recent sizes, by index of the method.
 *
 * A session prefers its own sizes. For methods without recent messages, it uses
 * the sizes of other sessions.
 *
 * If there are none, the handlers show no size until one of them responds, and
 * those of long polls and subscriptions run for long. Half of the size is
 * therefore expected after each 64 ms, so that more and more of them may run.
 */
export class RecentSizes {
  /** Sizes of the current period. */
  #sizes: number[] = [];
  /** Sizes of the period before. */
  #before: number[] = [];
  #start = -Infinity;
  /** Times at which handlers of methods without sizes were first entered, ms. */
  readonly #triedAt: (number | undefined)[] = [];
  readonly #period: number;
  readonly #others: RecentSizes | undefined;

  /**
   * @param period milliseconds; a size is remembered for one to two periods
   * @param others sizes of all sessions
   */
  constructor(period: number, others?: RecentSizes) {
    this.#period = period;
    this.#others = others;
  }

  /**
   * Returns the expected size of a method's next message.
   *
   * @param unknown sizes to expect of an unknown method; other sessions can only
   * lower them, so that no peer can hold back the calls of others
   */
  expected(method: number, unknown: UnknownSize, now: number): number {
    const own = this.largest(method, now);
    if (own !== undefined) return own;
    const others = this.#others?.largest(method, now) ?? Infinity;
    return Math.min(others, this.#guess(method, unknown, now));
  }

  #guess(method: number, { first, least }: UnknownSize, now: number): number {
    const triedFor = now - (this.#triedAt[method] ?? now);
    const halvings = Math.floor(triedFor / HALVING);
    return Math.max(least, first / 2 ** halvings);
  }

  /** Records that a handler of a method was entered. */
  tried(method: number, now: number): void {
    this.#triedAt[method] ??= now;
  }

  /**
   * Returns the largest recent size of a method: of other sessions if this one
   * knows none, and `undefined` if they do not either.
   */
  largestOfAny(method: number, now: number): number | undefined {
    return this.largest(method, now) ?? this.#others?.largest(method, now);
  }

  /** Returns the largest recent size of a method; `undefined` if none is known. */
  largest(method: number, now: number): number | undefined {
    this.#advance(now);
    const size = this.#sizes[method];
    const before = this.#before[method];
    return size === undefined ? before : Math.max(size, before ?? 0);
  }

  /** Remembers the size of a message. */
  record(method: number, size: number, now: number): void {
    this.#advance(now);
    if (size <= (this.#sizes[method] ?? -1)) return;
    this.#triedAt[method] = undefined;
    this.#sizes[method] = size;
    this.#others?.record(method, size, now);
  }

  #advance(now: number): void {
    const elapsed = now - this.#start;
    if (elapsed < this.#period) return;
    this.#before = elapsed < 2 * this.#period ? this.#sizes : [];
    this.#sizes = [];
    this.#start = now;
  }
}
