/**
 * Sent frames that the peer has not acknowledged. They are encoded in place, and
 * kept whole, so that a new link can send them again.
 *
 * ```text
 *            segment              segment           segment
 *  │ ░░░░░░░░░ │ frame 7 │ 8 │  │ 9 │ 10 │ 11 │  │ 12 │ open …    │
 *    acknowledged ▲                                     ▲ the next frame
 * ```
 *
 * Segments are freed as a whole: with the acknowledgement of their last frame,
 * or, oldest first, when the frames exceed their limit.
 *
 * @module
 */
import type { OpenFrame } from "../flow/frame_writer.ts";

/** Least and greatest size of a segment; a larger frame has its own. */
const SIZES = [4 * 1024, 64 * 1024] as const;

/** Heap bytes of a frame, besides its own. */
const FRAME_COST = 32;

/** A frame that is kept. */
export interface KeptFrame {
  /** Header and body. */
  readonly bytes: Uint8Array;
  /** Number of bytes that the session had framed after it. */
  readonly streamEnd: number;
}

/** A buffer of consecutive frames. */
class Segment {
  readonly bytes: Uint8Array;
  /** Position of the first frame. */
  readonly first: number;
  used = 0;
  /** End offset, and end in the session's bytes, of each frame, alternating. */
  readonly ends: number[] = [];

  constructor(size: number, first: number) {
    this.bytes = new Uint8Array(size);
    this.first = first;
  }

  /** Position of the last frame, or the one before `first`. */
  get last(): number {
    return this.first + this.ends.length / 2 - 1;
  }
}

/** Frames that can be sent again. */
export class SentFrames {
  /** Position of the last frame; 0 before the first. */
  sent = 0;
  /** Position up to which the peer has read. */
  acknowledged = 0;
  /** Heap bytes of the frames. */
  held = 0;
  readonly #segments: Segment[] = [];
  /** The segment of the open frame; it may be a new one. */
  #open: Segment | undefined = undefined;

  /** Position of the first frame that can be sent again. */
  get firstKept(): number {
    return this.#segments.length === 0
      ? this.sent + 1
      : Math.max(this.#segments[0]!.first, this.acknowledged + 1); // in range
  }

  /** Whether every frame that the peer may lack can be sent again. */
  get complete(): boolean {
    return this.firstKept <= this.acknowledged + 1;
  }

  /** Opens a frame with space for `capacity` bytes. */
  begin(capacity: number): OpenFrame {
    const last = this.#segments.at(-1);
    const segment = last !== undefined && fits(last, capacity)
      ? last
      : new Segment(this.#sizeFor(capacity), this.sent + 1);
    this.#open = segment;
    return { buffer: segment.bytes, start: segment.used };
  }

  /** Discards the open frame. */
  abandon(): void {
    this.#open = undefined;
  }

  #sizeFor(capacity: number): number {
    const [least, most] = SIZES;
    return Math.max(capacity, Math.min(most, Math.max(least, this.held)));
  }

  /** Bytes of the open frame, which ends at offset `end`. */
  view(end: number): Uint8Array {
    const { bytes, used } = this.#open!; // begin() was called
    return bytes.subarray(used, end);
  }

  /**
   * Keeps the open frame, which receives the next position.
   *
   * @param end offset at which the frame ends
   * @param streamEnd number of bytes that the session has framed with it
   */
  commit(end: number, streamEnd: number): void {
    const segment = this.#open!; // begin() was called
    if (segment !== this.#segments.at(-1)) {
      this.#segments.push(segment);
      this.held += segment.bytes.length;
    }
    this.#open = undefined;
    segment.used = end;
    segment.ends.push(end, streamEnd);
    this.held += FRAME_COST;
    this.sent++;
  }

  /**
   * Frees the frames up to a position; ignores one that is not higher.
   *
   * @returns whether frames with these positions were sent
   */
  acknowledge(position: number): boolean {
    if (position > this.sent) return false;
    if (position <= this.acknowledged) return true;
    this.acknowledged = position;
    const segments = this.#segments;
    while (segments.length > 0 && segments[0]!.last <= position) this.#free(); // in range
    return true;
  }

  /** Frees the oldest frames until at most `limit` bytes are held. */
  dropOldest(limit: number): void {
    while (this.held > limit && this.#segments.length > 0) this.#free();
  }

  /** Frees all frames. */
  free(): void {
    while (this.#segments.length > 0) this.#free();
  }

  #free(): void {
    const { bytes, ends } = this.#segments.shift()!; // there is one
    this.held -= bytes.length + FRAME_COST * ends.length / 2;
  }

  /** Returns the frame at a position; it must be kept. */
  at(position: number): KeptFrame {
    const { bytes, first, ends } = this.#segmentOf(position);
    const index = 2 * (position - first);
    const start = index === 0 ? 0 : ends[index - 2]!; // in range: the position is kept
    return {
      bytes: bytes.subarray(start, ends[index]),
      streamEnd: ends[index + 1]!, // as above
    };
  }

  #segmentOf(position: number): Segment {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle]!.last < position) low = middle + 1; // in range
      else high = middle;
    }
    return this.#segments[low]!; // the position is kept
  }
}

function fits({ bytes, used }: Segment, capacity: number): boolean {
  return bytes.length - used >= capacity;
}
