/**
 * The memory that an attacked process holds.
 *
 * @module
 */

/** Milliseconds between two measurements. */
const INTERVAL = 300;

/** Set by the flag `--expose-gc`. */
declare const gc: () => void;

/** Returns the bytes that are held. The second collection frees the buffers of the first. */
export function heldBytes(): number {
  gc();
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** Keeps the largest number of bytes that were held. */
export class MemorySampler {
  #timer: ReturnType<typeof setInterval> | undefined;
  #most = 0;

  /** Starts over. */
  start(): void {
    this.#most = 0;
    this.#timer ??= setInterval(() => this.#sample(), INTERVAL);
  }

  /** Stops, and returns the largest number of bytes. */
  stop(): number {
    this.#sample();
    clearInterval(this.#timer);
    this.#timer = undefined;
    return this.#most;
  }

  #sample(): void {
    this.#most = Math.max(this.#most, heldBytes());
  }
}
