/** Where buffers come from: a seam for tests that count the bytes touched. */
export const memory = {
  allocate(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(length);
  },
};

const EMPTY = new Uint8Array(0);
/** The first buffer: small, for peers that send half a header and stall. */
const FIRST = 64;
/** Buffers above this are given up when what they hold stays far smaller. */
const LARGE = 65_536;
const SMALL_USES_BEFORE_RELEASE = 16;

/**
 * A buffer that grows with what arrives, is used again, and is dropped when
 * idle.
 */
export class ReusedBuffer {
  bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #used = false;
  #smallUses = 0;

  /** Bytes of memory it keeps. */
  get held(): number {
    return this.bytes.length;
  }

  /**
   * Makes room for `length` bytes and keeps the first `kept`. The room is at
   * most four times what is asked for, so that memory follows what has
   * arrived, and never more than `atMost`, so that a known length is met
   * exactly.
   */
  reserve(length: number, kept: number, atMost: number): Uint8Array {
    this.#used = true;
    if (length <= this.bytes.length) return this.bytes;
    const room = Math.max(
      length,
      Math.min(atMost, Math.max(FIRST, 4 * length)),
    );
    const grown = memory.allocate(room);
    if (kept > 0) grown.set(this.bytes.subarray(0, kept));
    this.bytes = grown;
    return grown;
  }

  /** Keeps `count` bytes from `start` on, in other memory if what lies before them is lent. */
  moveToFront(start: number, count: number, lent: boolean): void {
    if (!lent) {
      this.bytes.copyWithin(0, start, start + count);
      return;
    }
    const kept = memory.allocate(Math.max(FIRST, count));
    kept.set(this.bytes.subarray(start, start + count));
    this.bytes = kept;
  }

  /** A use has ended that took so many bytes. */
  done(length: number): void {
    if (this.bytes.length <= LARGE || length * 4 > this.bytes.length) {
      this.#smallUses = 0;
    } else if (++this.#smallUses === SMALL_USES_BEFORE_RELEASE) {
      this.#smallUses = 0;
      this.bytes = EMPTY;
    }
  }

  /**
   * There is nothing to hold. The second time in a row the memory is dropped:
   * at the first it may be wanted again at once, by a peer whose reads happen
   * to end where its frames do.
   */
  idle(): void {
    if (!this.#used) this.bytes = EMPTY;
    this.#used = false;
  }
}
