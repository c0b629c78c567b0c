import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { acquire, release, SLAB } from "./buffer_pool.ts";

/** Room in the outgoing buffer for one payload; see `FrameStream.begin`. */
export interface FrameRoom {
  /**
   * The outgoing buffer. Nothing clears it: what is committed and was not
   * filled goes out with whatever lay there, also of other connections.
   */
  buffer: Uint8Array;
  /** Where the payload begins. */
  start: number;
  /** Where the payload must end at the latest. */
  limit: number;
}

/** What goes out together: a buffer up to `end`, or a payload that is borrowed. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** What goes back to the pool. */
  readonly buffer?: Uint8Array<ArrayBuffer>;
}

const NOTHING = new Uint8Array(0);

/**
 * Gathers frames side by side until they are taken as one batch:
 *
 * ```text
 *  0                      end                              length
 *  │ frame │ frame │ frame │ headroom │ room … │ tailroom    │
 * ```
 *
 * It holds memory only while there is a frame in it.
 */
export class WriteBuffer {
  /** Bytes framed. */
  end = 0;
  /** A frame is being written in place. */
  open = false;

  readonly #encoder: FrameEncoder;
  readonly #inPlace: InPlaceFraming | undefined;
  readonly #room: FrameRoom = { buffer: NOTHING, start: 0, limit: 0 };
  #bytes = NOTHING;
  /** Size of the last batches: the next one will likely be as large. */
  #usual = 0;

  constructor(encoder: FrameEncoder) {
    this.#encoder = encoder;
    this.#inPlace = encoder.inPlace;
  }

  /** Room for a payload of up to `room` bytes. */
  begin(room: number): FrameRoom {
    if (!(room >= 0)) {
      throw new RangeError(
        `Cannot begin a frame: room must be 0 bytes or more: current value is ${room}`,
      );
    }
    const found = this.#room;
    if (this.#inPlace !== undefined) {
      const { headroom, tailroom } = this.#inPlace;
      this.#reserve(headroom + room + tailroom);
      found.buffer = this.#bytes;
      found.start = this.end + headroom;
      found.limit = this.#bytes.length - tailroom;
    } else if (!this.open || found.buffer.length < room) {
      this.#releaseScratch();
      found.buffer = acquire(room);
      found.start = 0;
      found.limit = found.buffer.length;
    }
    this.open = true;
    return found;
  }

  /** Frames what stands in the room. */
  commit(payloadEnd: number): void {
    const { buffer, start, limit } = this.#room;
    if (!this.open) {
      throw new Error(
        "Cannot commit a frame: none is open: call begin() first, and commit() in the same turn",
      );
    }
    if (!(payloadEnd >= start && payloadEnd <= limit)) {
      throw new RangeError(
        `Cannot commit a frame: its payload must end between offset ${start} and ${limit}: current value is ${payloadEnd}`,
      );
    }
    this.open = false;
    if (this.#inPlace !== undefined) {
      this.end = this.#inPlace.seal(this.#bytes, this.end, payloadEnd);
      return;
    }
    try {
      this.write(buffer.subarray(start, payloadEnd));
    } finally {
      this.#releaseScratch();
    }
  }

  /** Drops what stands in the room. */
  abandon(): void {
    this.open = false;
    if (this.#inPlace === undefined) this.#releaseScratch();
  }

  /** Frames a copy of the payload. */
  write(payload: Uint8Array): void {
    this.#assertClosed();
    this.#reserve(this.#encoder.maxEncodedLength(payload.length));
    this.end = this.#encoder.encodeInto(payload, this.#bytes, this.end);
  }

  /** Frames the header of a payload that goes out behind this batch, if the layout allows it. */
  writeHeader(payloadLength: number): boolean {
    const encoder = this.#encoder;
    if (encoder.encodeHeader === undefined) return false;
    this.#assertClosed();
    this.#reserve(encoder.maxEncodedLength(payloadLength) - payloadLength);
    this.end = encoder.encodeHeader(payloadLength, this.#bytes, this.end);
    return true;
  }

  /** The whole frames so far, unless one is open behind them. */
  take(): Batch | undefined {
    if (this.open) return undefined;
    if (this.end === 0) {
      this.release();
      return undefined;
    }
    const buffer = this.#bytes;
    const batch = { bytes: buffer, end: this.end, buffer };
    // An early write is small, and tells nothing of the batch behind it; a
    // huge one is seldom followed by another.
    this.#usual = Math.min(SLAB, Math.max(this.end, this.#usual >> 1));
    this.#letGo();
    return batch;
  }

  /** Drops everything. */
  release(): void {
    // Whoever has opened a frame may still write into its room.
    if (this.open) this.#room.buffer = NOTHING;
    else if (this.#bytes !== NOTHING) release(this.#bytes);
    this.open = false;
    this.#letGo();
  }

  /** What left, or waits in the pool, is not kept alive by a room. */
  #letGo(): void {
    this.#bytes = NOTHING;
    this.end = 0;
    if (this.#inPlace !== undefined) this.#room.buffer = NOTHING;
  }

  /** Makes room for `bytes` more behind `end`. */
  #reserve(bytes: number): void {
    const needed = this.end + bytes;
    if (needed <= this.#bytes.length) return;
    const usual = this.end === 0 ? this.#usual : 2 * this.#bytes.length;
    const larger = acquire(Math.max(needed, usual));
    if (this.end > 0) larger.set(this.#bytes.subarray(0, this.end));
    if (this.#bytes !== NOTHING) release(this.#bytes);
    this.#bytes = larger;
  }

  #assertClosed(): void {
    if (!this.open) return;
    throw new Error(
      "Cannot write a frame: another one is open: commit or abandon it first",
    );
  }

  /** Gives back the room of an encoder that cannot frame in place. */
  #releaseScratch(): void {
    const { buffer } = this.#room;
    this.#room.buffer = NOTHING;
    // Only acquire() fills it; the public type is wider.
    if (buffer.length > 0) release(buffer as Uint8Array<ArrayBuffer>);
  }
}
