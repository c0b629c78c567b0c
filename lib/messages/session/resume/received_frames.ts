/**
 * Counts received frames, and decides when to acknowledge them.
 *
 * @module
 */

/** Bytes after which frames are acknowledged. */
const ACK_BYTES = 64 * 1024;

/** Milliseconds after which a frame is acknowledged. */
const ACK_TIME = 1_000;

/** Frames received from the peer. */
export class ReceivedFrames {
  /** Position of the last frame; 0 before the first. */
  position = 0;
  /** Time in ms at which the frames must be acknowledged. */
  ackAt = Infinity;
  /** Bytes that are not acknowledged. */
  #bytes = 0;

  /** Counts a frame that has a position. */
  count(length: number, now: number): void {
    this.position++;
    this.#bytes += length;
    if (this.#bytes >= ACK_BYTES) this.ackAt = now;
    else if (this.ackAt === Infinity) this.ackAt = now + ACK_TIME;
  }

  /** Records that the position was sent to the peer. */
  acknowledged(): void {
    this.#bytes = 0;
    this.ackAt = Infinity;
  }
}
