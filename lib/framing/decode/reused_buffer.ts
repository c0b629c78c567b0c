/**
 * A buffer that grows on demand and is reused between frames.
 *
 * @module
 */

/** Allocates buffers. Tests replace it to count the bytes touched. */
export const memory = {
  allocate(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(length);
  },
};

const EMPTY = /* @__PURE__ */ new Uint8Array(0);
/**
 * Minimum size of a buffer for a frame of unknown length. It is small in case
 * the peer stalls inside a header.
 */
const FIRST = 64;
/** Size above which a buffer is dropped after many small uses. */
const LARGE = 65_536;
const SMALL_USES_BEFORE_RELEASE = 16;

/** A buffer that grows as bytes arrive, and is dropped when idle. */
export class ReusedBuffer {
  bytes: Uint8Array<ArrayBuffer> = EMPTY;
  #used = false;
  #smallUses = 0;

  /** Number of bytes of memory that the buffer holds. */
  get held(): number {
    return this.bytes.length;
  }

  /**
   * Makes room for `length` bytes and keeps the first `kept`. A new buffer has
   * 64 bytes or four times `length`, whichever is more, so that memory use is
   * proportional to the bytes received. It has at most `atMost` bytes unless
   * `length` is greater, so that a known length is allocated exactly.
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

  /**
   * Moves `count` bytes from `start` to the front. Uses new memory if the bytes
   * before `start` are lent out.
   */
  moveToFront(start: number, count: number, lent: boolean): void {
    if (!lent) {
      this.bytes.copyWithin(0, start, start + count);
      return;
    }
    const kept = memory.allocate(Math.max(FIRST, count));
    kept.set(this.bytes.subarray(start, start + count));
    this.bytes = kept;
  }

  /** Ends one use of the buffer, which needed `length` bytes. */
  done(length: number): void {
    if (this.bytes.length <= LARGE || length * 4 > this.bytes.length) {
      this.#smallUses = 0;
    } else if (++this.#smallUses === SMALL_USES_BEFORE_RELEASE) {
      this.#smallUses = 0;
      this.bytes = EMPTY;
    }
  }

  /**
   * Records that the buffer is not needed. Only the second call in a row drops
   * the memory: a read may end exactly where a frame ends, and the next frame
   * then needs the memory again.
   */
  idle(): void {
    if (!this.#used) this.bytes = EMPTY;
    this.#used = false;
  }
}
