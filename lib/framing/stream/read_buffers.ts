/**
 * The buffers that a connection reads into. A pending read cannot be cancelled
 * and holds its buffer while the peer is silent. The buffer is therefore either
 * small or counted against a limit.
 *
 * ```text
 *             a read fills it                 a read fills it
 *   ┌─────────────────────────────────────────────────┐
 *   │                        ┌────────────────────────┤
 * 2 KiB, its own ◀──── 16 KiB, borrowed ◀──── 64 KiB, borrowed
 *         4 reads in a row that fit in the smaller size
 * ```
 *
 * @module
 */
import { acquire, release, SLAB } from "./buffer_pool.ts";

/** Size in bytes of the buffer that an idle connection holds. */
export const IDLE_READ = 2 * 1024;

/** Buffer sizes, ascending; a connection owns one buffer of the first size. */
const SIZES = [IDLE_READ, 16 * 1024, SLAB] as const;
const LARGEST = SIZES.length - 1;
const READS_BEFORE_SMALLER = 4;

/**
 * Limit on the borrowed bytes in all pending reads of a thread. A read that
 * would exceed it uses a smaller buffer. A read that follows one that filled
 * its buffer does not count, because more bytes are likely ready. Each burst
 * therefore takes one read, and 10,000 connections that are idle after a burst
 * hold little more memory than 10,000 connections that were always idle.
 */
export const WAITING_LIMIT = 4 * 1024 * 1024;

/** Number of borrowed bytes in pending reads. */
let waiting = 0;

/** The read buffers of one connection. */
export class ReadBuffers {
  #own: Uint8Array<ArrayBuffer> | undefined;
  #borrowed: Uint8Array<ArrayBuffer> | undefined;
  /** Index in `SIZES` of the size that recent reads needed. */
  #size = 0;
  /** Whether the last read filled its buffer; if so, more is likely ready. */
  #full = false;
  /** Number of consecutive reads that would have fit in a smaller buffer. */
  #small = 0;
  /** Number of bytes that this connection adds to `waiting`. */
  #counted = 0;

  /** Number of borrowed bytes that no limit counts: those after a full read. */
  get uncounted(): number {
    return this.#counted > 0 ? 0 : this.#borrowed?.length ?? 0;
  }

  /** Returns the buffer for a read that begins now. */
  begin(): Uint8Array<ArrayBuffer> {
    const size = this.#full ? SLAB : this.#affordable();
    if (size === IDLE_READ) {
      this.#releaseBorrowed();
      return this.#own ??= new Uint8Array(IDLE_READ);
    }
    if (!this.#full) waiting += this.#counted = size;
    if (this.#borrowed?.length === size) return this.#borrowed;
    this.#releaseBorrowed();
    return this.#borrowed = acquire(size);
  }

  /** Ends a read of `count` bytes into a buffer of `of` bytes. */
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

  /**
   * Transfers the buffer that contains a frame to the frame's owner. Returns
   * `false` if the buffer does not belong to this connection.
   */
  disown({ buffer }: Uint8Array): boolean {
    if (buffer === this.#borrowed?.buffer) this.#borrowed = undefined;
    else if (buffer === this.#own?.buffer) this.#own = undefined;
    else return false;
    return true;
  }

  /**
   * Drops all buffers. They are not returned to the pool, as a read may still
   * write into them and the application may still use a borrowed frame.
   */
  drop(): void {
    this.#own = this.#borrowed = undefined;
  }

  /** Returns the size that recent reads needed, or less near the limit. */
  #affordable(): number {
    let size = this.#size;
    while (size > 0 && waiting + SIZES[size]! > WAITING_LIMIT) size--;
    return SIZES[size]!;
  }

  #releaseBorrowed(): void {
    if (this.#borrowed !== undefined) release(this.#borrowed);
    this.#borrowed = undefined;
  }
}
