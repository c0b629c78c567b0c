/**
 * Remembers how large the recent messages of each method were.
 *
 * @module
 */

/**
 * Largest recent sizes, by index of the method.
 *
 * A session prefers its own sizes. For methods without recent messages, it uses
 * the sizes of other sessions.
 */
export class RecentSizes {
  /** Sizes of the current period. */
  #sizes: number[] = [];
  /** Sizes of the period before. */
  #before: number[] = [];
  #start = -Infinity;
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
   * @param unknown size to expect of an unknown method; other sessions can only
   * lower it, so that no peer can hold back the calls of others
   */
  expected(method: number, unknown: number, now: number): number {
    return this.largest(method, now) ??
      Math.min(unknown, this.#others?.largest(method, now) ?? unknown);
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
