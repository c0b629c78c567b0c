/**
 * Counts the frames of a session by their kinds, in both directions.
 *
 * @module
 */
import { HEADER, KINDS, slotOf } from "../wire/frame_header.ts";

/** Bytes of the length before each frame. */
const LENGTH = 4;

/** Counts of one direction. */
export class FrameCounts {
  /** Number of bytes, with the headers. */
  bytes = 0;
  /** Number of frames of each kind; see `slotOf()`. */
  readonly byKind: number[] = new Array(KINDS.length).fill(0);

  /** Counts a frame with a body of the given length. */
  add(kind: number, length: number): void {
    this.bytes += LENGTH + HEADER + length;
    this.byKind[slotOf(kind)]!++; // in range
  }
}

/** The frames that a session has sent and received. */
export class FrameLog {
  /** Frames that were sent. */
  readonly sent: FrameCounts = new FrameCounts();
  /** Frames that were received. */
  readonly received: FrameCounts = new FrameCounts();
}
