/**
 * The memory that an attacked process holds.
 *
 * @module
 */
import { pause } from "./raw_peer.ts";

/** Least milliseconds between two measurements. */
const INTERVAL = 50;

/** The least time between two measurements, as a multiple of the time that one takes. */
const SHARE = 3;

/**
 * Further readings that must confirm a new maximum. A thread of the engine frees
 * buffers after a collection; on a busy machine, three collections later it had
 * still not freed 34 of 125 MB that nothing referred to.
 */
const CONFIRMATIONS = 4;

/** Set by the flag `--expose-gc`. */
declare const gc: () => void;

/** Bytes of memory of a process. */
export interface Memory {
  /** Heap and external bytes after a collection. */
  readonly held: number;
  /** Resident memory of the process in bytes. */
  readonly rss: number;
}

function collected(): Memory {
  const { rss } = Deno.memoryUsage();
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return { held: heapUsed + external, rss };
}

/**
 * Returns the memory that the process retains: the lower of two readings, with
 * a turn of the event loop between them. Buffers are freed after the collection
 * that finds them, and objects of a running job or a finished operation after
 * that job. How many of these there are depends on the speed of the machine.
 */
export async function retained(): Promise<Memory> {
  const first = collected();
  await pause(0);
  const { held, rss } = collected();
  return { held: Math.min(first.held, held), rss: Math.max(first.rss, rss) };
}

/**
 * Keeps the largest number of bytes that were held, and that the process had.
 * A larger number counts only as far as later readings confirm it, with a turn of
 * the event loop between them, as in {@linkcode retained}.
 */
export class MemorySampler {
  #held = 0;
  #rss = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sampling: Promise<void> = Promise.resolve();

  /** Starts over. */
  start(): void {
    this.#held = this.#rss = 0;
    this.#sampleAfter(INTERVAL);
  }

  /** Stops, and returns the largest numbers of bytes. */
  async stop(): Promise<Memory> {
    await this.#sampling; // it sets the next timer
    clearTimeout(this.#timer);
    await this.#sample();
    return { held: this.#held, rss: this.#rss };
  }

  #sampleAfter(ms: number): void {
    this.#timer = setTimeout(() => this.#sampling = this.#repeat(), ms);
  }

  async #repeat(): Promise<void> {
    const start = performance.now();
    await this.#sample();
    const time = performance.now() - start;
    this.#sampleAfter(Math.max(INTERVAL, SHARE * time));
  }

  async #sample(): Promise<void> {
    let least = this.#read();
    for (let turn = 0; turn < CONFIRMATIONS; turn++) {
      if (least <= this.#held) return;
      await pause(0);
      least = Math.min(least, this.#read());
    }
    this.#held = Math.max(this.#held, least);
  }

  #read(): number {
    const { held, rss } = collected();
    this.#rss = Math.max(this.#rss, rss);
    return held;
  }
}
