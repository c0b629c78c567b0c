/**
 * The windows of all streams of one end. Pure.
 *
 * A NATS server cuts a connection that holds more than 64 MiB, with everything on
 * it. The sum of the windows therefore has a bound, not each of them alone.
 *
 * @module
 */

/** Smallest window of a stream in bytes. */
export const SMALLEST_WINDOW = 8 * 1024;

/** Divides a number of bytes among streams. */
export class WindowBudget {
  readonly #total: number;
  readonly #most: number;
  readonly #least: number;
  #used = 0;

  /**
   * @param total bytes of all windows
   * @param most bytes of one window
   */
  constructor(total: number, most: number) {
    this.#total = total;
    this.#most = most;
    this.#least = Math.min(most, SMALLEST_WINDOW);
  }

  /** Bytes of all windows. */
  get used(): number {
    return this.#used;
  }

  /** Returns the first window of a stream; `undefined` if none is left. */
  open(): number | undefined {
    if (this.#used + this.#least > this.#total) return undefined;
    this.#used += this.#least;
    return this.#least;
  }

  /**
   * Returns the next window of a stream.
   *
   * It is doubled while at most half of the bytes are used, and reduced otherwise,
   * so that each stream can make progress and new ones find room.
   *
   * @param window the bytes that it has
   * @param taken those among them that were read, and may be granted again
   */
  next(window: number, taken: number): number {
    const half = this.#total / 2;
    let next = window;
    if (this.#used > half) next = Math.max(this.#least, window - taken);
    else if (this.#used + window <= half) {
      next = Math.min(this.#most, 2 * window);
    }
    this.#used += next - window;
    return next;
  }

  /** Takes back the window of a stream. */
  release(window: number): void {
    this.#used -= window;
  }
}
