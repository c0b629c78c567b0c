/**
 * The memory that an attacked process holds.
 *
 * @module
 */

/** Least milliseconds between two measurements. */
const INTERVAL = 150;

/** The least time between two measurements, as a multiple of the time that one takes. */
const SHARE = 4;

/** Set by the flag `--expose-gc`. */
declare const gc: () => void;

/** Bytes of memory of a process. */
export interface Memory {
  /** Heap and external bytes after a collection. */
  readonly held: number;
  /** Resident memory of the process in bytes. */
  readonly rss: number;
}

/** Returns the memory now. The second collection frees the buffers of the first. */
export function memoryNow(): Memory {
  const { rss } = Deno.memoryUsage();
  gc();
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return { held: heapUsed + external, rss };
}

/** Keeps the largest number of bytes that were held, and that the process had. */
export class MemorySampler {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #held = 0;
  #rss = 0;

  /** Starts over. */
  start(): void {
    this.#held = this.#rss = 0;
    this.#timer ??= setTimeout(() => this.#again(), INTERVAL);
  }

  /** Stops, and returns the largest numbers of bytes. */
  stop(): Memory {
    this.#sample();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    return { held: this.#held, rss: this.#rss };
  }

  #again(): void {
    const start = performance.now();
    this.#sample();
    const took = performance.now() - start;
    const wait = Math.max(INTERVAL, SHARE * took);
    this.#timer = setTimeout(() => this.#again(), wait);
  }

  #sample(): void {
    const { held, rss } = memoryNow();
    this.#held = Math.max(this.#held, held);
    this.#rss = Math.max(this.#rss, rss);
  }
}
