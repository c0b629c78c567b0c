/**
 * Frames that a server keeps while it authenticates a client. They are held in
 * one buffer: an object for each of many small frames would cost far more
 * memory than the client has sent.
 *
 * @module
 */
import { FRAME_CHARGE } from "../wire/frame_header.ts";

/** A frame kept during authentication; its deadline counts from `receivedAt`. */
export interface EarlyFrame {
  readonly frame: Uint8Array;
  readonly receivedAt: number;
}

const NO_BYTES = /* @__PURE__ */ new Uint8Array(0);

/** Frames in the order of their arrival. */
export class EarlyFrames {
  #bytes: Uint8Array = NO_BYTES;
  #used = 0;
  /** End offset and time of arrival of each frame, alternating. */
  #frames: number[] = [];
  readonly #limit: number;

  /** @param limit bytes of frames to keep, with a charge for each frame */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keeps a copy of a frame; returns `false` beyond the limit. */
  put(frame: Uint8Array, now: number): boolean {
    const end = this.#used + frame.length;
    const count = this.#frames.length / 2 + 1;
    if (end + count * FRAME_CHARGE > this.#limit) return false;
    if (end > this.#bytes.length) this.#grow(end);
    this.#bytes.set(frame, this.#used);
    this.#used = end;
    this.#frames.push(end, now);
    return true;
  }

  #grow(end: number): void {
    const larger = new Uint8Array(Math.min(this.#limit, 2 * end));
    larger.set(this.#bytes.subarray(0, this.#used));
    this.#bytes = larger;
  }

  /** Heap bytes of the frames. */
  get held(): number {
    return this.#bytes.length + 8 * this.#frames.length;
  }

  /** Returns and removes the frames. */
  takeAll(): EarlyFrame[] {
    const frames: EarlyFrame[] = [];
    let start = 0;
    for (let index = 0; index < this.#frames.length; index += 2) {
      const end = this.#frames[index]!; // in range: entries come in pairs
      const receivedAt = this.#frames[index + 1]!; // as above
      frames.push({ frame: this.#bytes.subarray(start, end), receivedAt });
      start = end;
    }
    this.#bytes = NO_BYTES;
    this.#frames = [];
    this.#used = 0;
    return frames;
  }
}
