/**
 * A token bucket that takes the time as an argument.
 *
 * @module
 */

/** Rate limiter with a rate per second and a maximum burst. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #filledAt = 0;

  /**
   * @param perSecond number of tokens added per second
   * @param burst initial and maximum number of tokens
   */
  constructor(perSecond: number, burst: number) {
    this.#perSecond = perSecond;
    this.#burst = this.#tokens = burst;
  }

  /** Takes a token; returns false if the bucket is empty. */
  take(now: number): boolean {
    this.#fill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /**
   * Takes a token, even one that is yet to be added.
   *
   * @returns the time at which the token is available, ms
   */
  reserve(now: number): number {
    this.#fill(now);
    this.#tokens--;
    return this.#tokens >= 0
      ? now
      : now - Math.floor(this.#tokens * 1000 / this.#perSecond);
  }

  /** Returns the milliseconds until a token is available; 0 if one is. */
  timeLeft(now: number): number {
    this.#fill(now);
    if (this.#tokens >= 1) return 0;
    const left = (1 - this.#tokens) * 1000 / this.#perSecond;
    return Math.max(1, Math.ceil(left - 1e-6)); // rounding must not add 1 ms
  }

  /** Returns whether the bucket is as full as a new one. */
  isFull(now: number): boolean {
    this.#fill(now);
    return this.#tokens >= this.#burst;
  }

  #fill(now: number): void {
    const added = (now - this.#filledAt) * this.#perSecond / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, added));
    this.#filledAt = now;
  }
}
