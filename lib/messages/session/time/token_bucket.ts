/**
 * A token bucket with the time as an argument.
 *
 * @module
 */

/** So many a second, and so many at once. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt = 0;

  /**
   * @param perSecond tokens that come back in a second
   * @param burst tokens that it starts with and holds at most
   */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = this.#tokens = burst;
  }

  /** Takes one, or says that there is none. */
  take(now: number): boolean {
    const back = (now - this.#filledAt) * this.#perSecond / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, back));
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
