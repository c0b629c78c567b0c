/**
 * The time at which bytes leave a link with a delay, a rate and a bounded queue.
 * Pure: the time is an input.
 *
 * @module
 */

/** Properties of a link, the same in each direction. */
export interface LinkOptions {
  /** Milliseconds from one end to the other. */
  readonly delay: number;
  /** Bytes a second. */
  readonly rate: number;
  /** Bytes that may wait for the link to be free. */
  readonly queue: number;
}

/** One direction of a link. */
export class LinkQueue {
  readonly #options: LinkOptions;
  /** Time at which the link has sent everything, in ms. */
  #free = -Infinity;

  /** Creates a direction that is idle. */
  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** Takes bytes, and returns the time at which the last of them arrives, in ms. */
  take(bytes: number, now: number): number {
    const { rate, delay } = this.#options;
    this.#free = Math.max(this.#free, now) + bytes / rate * 1000;
    return this.#free + delay;
  }

  /** Returns the ms for which no further bytes fit; 0 if some do. */
  full(now: number): number {
    const { rate, queue } = this.#options;
    return Math.max(0, this.#free - now - queue / rate * 1000);
  }
}
