/**
 * The memory that a connection reads into. A read that waits holds its memory
 * for as long as the peer is silent, and cannot be called back: so what waits
 * is small, or counted.
 *
 * ```text
 *             a read fills it                 a read fills it
 *   ┌─────────────────────────────────────────────────┐
 *   │                        ┌────────────────────────┤
 * 2 KiB, its own ◀──── 16 KiB, borrowed ◀──── 64 KiB, borrowed
 *         4 reads in a row that the smaller size would have held
 * ```
 *
 * @module
 */
import { acquire, release, SLAB } from "./buffer_pool.ts";

/** What an idle connection holds. */
export const IDLE_READ = 2 * 1024;

/** From the smallest to the largest; the first one is a connection's own. */
const SIZES = [IDLE_READ, 16 * 1024, SLAB] as const;
const LARGEST = SIZES.length - 1;
const READS_BEFORE_SMALLER = 4;

/**
 * Bytes of borrowed memory that reads of one thread may wait with, all
 * together; beyond it they wait with {@linkcode IDLE_READ}. So bursts cost one
 * read each, and ten thousand connections that fell silent behind a burst hold
 * little more than if they had always been.
 */
export const WAITING_LIMIT = 4 * 1024 * 1024;

let waiting = 0;

/** Memory of one connection's reads. */
export class ReadBuffers {
  #own: Uint8Array<ArrayBuffer> | undefined;
  #borrowed: Uint8Array<ArrayBuffer> | undefined;
  #size = 0;
  /** The last read filled its memory: there is likely more, and no wait. */
  #full = false;
  /** Reads in a row that a smaller size would have held. */
  #small = 0;
  /** What this connection counts for in `waiting`. */
  #counted = 0;

  /** The memory for a read that begins now. */
  begin(): Uint8Array<ArrayBuffer> {
    const size = this.#full ? SLAB : this.#affordable();
    if (size === IDLE_READ) {
      this.#giveBack();
      return this.#own ??= new Uint8Array(IDLE_READ);
    }
    if (!this.#full) waiting += this.#counted = size;
    if (this.#borrowed?.length === size) return this.#borrowed;
    this.#giveBack();
    return this.#borrowed = acquire(size);
  }

  /** The read has ended: `count` bytes of its memory, which had `of`. */
  end(count: number, of: number): void {
    waiting -= this.#counted;
    this.#counted = 0;
    this.#full = count === of;
    if (this.#full) {
      this.#size = LARGEST;
      this.#small = 0;
    } else if (this.#size > 0 && count < SIZES[this.#size - 1]!) {
      if (++this.#small < READS_BEFORE_SMALLER) return;
      this.#size--;
      this.#small = 0;
    } else {
      this.#small = 0;
    }
  }

  /** The memory that a frame lies in goes with the frame; whether it is of this connection's reads. */
  disown({ buffer }: Uint8Array): boolean {
    if (buffer === this.#borrowed?.buffer) this.#borrowed = undefined;
    else if (buffer === this.#own?.buffer) this.#own = undefined;
    else return false;
    return true;
  }

  /** Lets go of all memory. None goes back to the pool: somebody may still write into it, or look at it. */
  drop(): void {
    this.#own = this.#borrowed = undefined;
  }

  /** The size that the last reads had use for, or what is left below the limit. */
  #affordable(): number {
    let size = this.#size;
    while (size > 0 && waiting + SIZES[size]! > WAITING_LIMIT) size--;
    return SIZES[size]!;
  }

  #giveBack(): void {
    if (this.#borrowed !== undefined) release(this.#borrowed);
    this.#borrowed = undefined;
  }
}
