/**
 * The outgoing buffer of the pump, which encodes frames into it.
 *
 * @module
 */
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { acquire, release, SLAB } from "./buffer_pool.ts";

/**
 * Space in the outgoing buffer for one payload; see `FrameStream.begin`.
 *
 * @category Framing
 */
export interface FrameRoom {
  /**
   * The outgoing buffer. It is never cleared: bytes that are committed but not
   * filled are sent with their old content, possibly from another connection.
   */
  buffer: Uint8Array;
  /** Offset at which the payload begins. */
  start: number;
  /** Largest offset at which the payload may end. */
  limit: number;
}

/** Bytes written together: a buffer up to `end`, or a borrowed payload. */
export interface Batch {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Buffer to return to the pool after the write. */
  readonly buffer?: Uint8Array<ArrayBuffer>;
}

const NOTHING = /* @__PURE__ */ new Uint8Array(0);
const UTF8 = /* @__PURE__ */ new TextEncoder();
/**
 * Length of a text above which it is encoded elsewhere. A shorter one is encoded
 * in place, for which three bytes for each of its units are reserved.
 */
const LONG_TEXT = 8 * 1024;

/**
 * A buffer of contiguous frames, which are taken as one batch:
 *
 * ```text
 *  0                      end                              length
 *  │ frame │ frame │ frame │ headroom │ room … │ tailroom    │
 * ```
 *
 * It holds memory only while it contains a frame.
 */
export class WriteBuffer {
  /** Number of bytes framed. */
  end = 0;
  /** Whether a frame is being written in place. */
  open = false;

  readonly #encoder: FrameEncoder;
  readonly #inPlace: InPlaceFraming | undefined;
  readonly #room: FrameRoom = { buffer: NOTHING, start: 0, limit: 0 };
  #bytes = NOTHING;
  /** Size of recent batches, as an estimate for the next one. */
  #usual = 0;

  constructor(encoder: FrameEncoder) {
    this.#encoder = encoder;
    this.#inPlace = encoder.inPlace;
  }

  /** Changes the maximum payload length; no frame may be open. */
  limit(maxFrameLength: number): void {
    this.#assertClosed("change 'maxFrameLength'");
    this.#encoder.maxFrameLength = maxFrameLength;
  }

  /** Opens a frame with space for a payload of `room` bytes. */
  begin(room: number): FrameRoom {
    if (!(room >= 0)) {
      throw new RangeError(
        `Cannot begin a frame as 'room' must be 0 or more bytes: current value is ${room}`,
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

  /** Frames the payload that was written into the space. */
  commit(payloadEnd: number): void {
    const { buffer, start, limit } = this.#room;
    if (!this.open) {
      throw new Error(
        "Cannot commit a frame: no frame is open; call begin() first, and commit() in the same turn",
      );
    }
    if (!(payloadEnd >= start && payloadEnd <= limit)) {
      throw new RangeError(
        `Cannot commit a frame as its payload must end between offset ${start} and ${limit}: current value is ${payloadEnd}`,
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

  /** Drops the open frame, if any. */
  abandon(): void {
    this.open = false;
    if (this.#inPlace === undefined) this.#releaseScratch();
  }

  /** Frames a copy of the payload. */
  write(payload: Uint8Array): void {
    this.#assertClosed("write a frame");
    this.#reserve(this.#encoder.maxEncodedLength(payload.length));
    this.end = this.#encoder.encodeInto(payload, this.#bytes, this.end);
  }

  /** Frames a payload of several parts, of which texts become UTF-8. */
  writeParts(given: readonly (string | Uint8Array)[]): void {
    this.#assertClosed("write a frame");
    let room = 0;
    const parts = given.map((part) => {
      if (typeof part === "string" && part.length <= LONG_TEXT) {
        room += 3 * part.length;
        return part;
      }
      const bytes = typeof part === "string" ? UTF8.encode(part) : part;
      if (!(bytes instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot write a frame as each part must be text or a Uint8Array: current value is ${bytes}`,
        );
      }
      room += bytes.length;
      return bytes;
    });
    const { buffer, start } = this.begin(room);
    let at = start;
    for (const part of parts) {
      if (typeof part === "string") {
        at += UTF8.encodeInto(part, buffer.subarray(at)).written;
      } else {
        buffer.set(part, at);
        at += part.length;
      }
    }
    this.commit(at);
  }

  /**
   * Writes the header of a payload that follows this batch. Returns `false` if
   * the layout does not allow a separate header.
   */
  writeHeader(payloadLength: number): boolean {
    const encoder = this.#encoder;
    if (encoder.encodeHeader === undefined) return false;
    this.#assertClosed("write a frame");
    this.#reserve(encoder.maxEncodedLength(payloadLength) - payloadLength);
    this.end = encoder.encodeHeader(payloadLength, this.#bytes, this.end);
    return true;
  }

  /** Returns the complete frames as a batch, unless another frame is open. */
  take(): Batch | undefined {
    if (this.open) return undefined;
    if (this.end === 0) {
      this.release();
      return undefined;
    }
    const buffer = this.#bytes;
    const batch = { bytes: buffer, end: this.end, buffer };
    // Reduce the estimate by at most half, because an early write is small and
    // says nothing about the next batch; cap it, because a huge batch is seldom
    // followed by another.
    this.#usual = Math.min(SLAB, Math.max(this.end, this.#usual >> 1));
    this.#detach();
    return batch;
  }

  /** Drops all frames and their buffer. */
  release(): void {
    // The owner of an open frame may still write into the buffer, so it is
    // dropped, not released.
    if (this.open) this.#room.buffer = NOTHING;
    else if (this.#bytes !== NOTHING) release(this.#bytes);
    this.open = false;
    this.#detach();
  }

  /** Drops all references to a buffer that is in flight or pooled. */
  #detach(): void {
    this.#bytes = NOTHING;
    this.end = 0;
    if (this.#inPlace !== undefined) this.#room.buffer = NOTHING;
  }

  /** Makes space for `bytes` more bytes after `end`. */
  #reserve(bytes: number): void {
    const needed = this.end + bytes;
    if (needed <= this.#bytes.length) return;
    const usual = this.end === 0 ? this.#usual : 2 * this.#bytes.length;
    const larger = acquire(Math.max(needed, usual));
    if (this.end > 0) larger.set(this.#bytes.subarray(0, this.end));
    if (this.#bytes !== NOTHING) release(this.#bytes);
    this.#bytes = larger;
  }

  #assertClosed(action: string): void {
    if (!this.open) return;
    throw new Error(
      `Cannot ${action}: another frame is open; commit or abandon it first`,
    );
  }

  /** Releases the space used for an encoder that cannot frame in place. */
  #releaseScratch(): void {
    const { buffer } = this.#room;
    this.#room.buffer = NOTHING;
    // The buffer is always from acquire(); the public type is wider.
    if (buffer.length > 0) release(buffer as Uint8Array<ArrayBuffer>);
  }
}
