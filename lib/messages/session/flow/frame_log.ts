/**
 * Counts the frames of a session, and keeps the last headers.
 *
 * @module
 */
import { HEADER, Kind, KINDS, slotOf } from "../wire/frame_header.ts";

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

/** The header of a frame that was sent or received. */
export interface LoggedFrame {
  /** Time on the session's clock, in ms. */
  readonly at: number;
  /** Whether this side sent it. */
  readonly sent: boolean;
  /** Number of the kind. */
  readonly kind: number;
  /** Flag bits. */
  readonly flags: number;
  /** Id of the call, or 0. */
  readonly id: number;
  /** Length of the body in bytes; `undefined` if it is a secret. */
  readonly length: number | undefined;
}

/** Numbers per header: time, id, and the rest in one. */
const NUMBERS = 3;
/** Headers for which there is room at first: those of an idle session. */
const FIRST = 8;

/** Returns a ring for as many headers; V8 stores its numbers unboxed. */
function emptyRing(headers: number): number[] {
  return new Array<number>(NUMBERS * headers).fill(NaN);
}

/** The frames that a session has sent and received. */
export class FrameLog {
  /** Frames that were sent. */
  readonly sent: FrameCounts = new FrameCounts();
  /** Frames that were received. */
  readonly received: FrameCounts = new FrameCounts();
  /** The session's clock. */
  clock: { readonly now: number } = { now: 0 };
  /** Number of headers that are kept. */
  readonly #most: number;
  /** A ring of headers; it grows with the calls of the session. */
  #ring: number[] | undefined = undefined;
  /** Number of headers that were written. */
  #written = 0;

  /** @param most number of headers to keep */
  constructor(most = 0) {
    this.#most = most;
  }

  /** Heap bytes of the headers. */
  get held(): number {
    return 8 * (this.#ring?.length ?? 0);
  }

  /** Records a frame. */
  add(
    sent: boolean,
    kind: number,
    flags: number,
    id: number,
    length: number,
  ): void {
    (sent ? this.sent : this.received).add(kind, length);
    if (this.#most === 0) return;
    const ring = this.#ringFor(kind);
    const at = (NUMBERS * this.#written++) % ring.length;
    // The length of HELLO and AUTH would show that of the credentials.
    const shown = kind === Kind.HELLO || kind === Kind.AUTH ? 0 : length + 1;
    ring[at] = this.clock.now;
    ring[at + 1] = id;
    ring[at + 2] = ((shown * 2 + (sent ? 1 : 0)) * 256 + flags) * 256 + kind;
  }

  /** Returns the ring; frames of calls make it grow. */
  #ringFor(kind: number): number[] {
    const ring = this.#ring ??= emptyRing(Math.min(FIRST, this.#most));
    const room = ring.length / NUMBERS;
    if (kind < Kind.REQUEST || this.#written < room || room === this.#most) {
      return ring;
    }
    const oldest = (NUMBERS * this.#written) % ring.length;
    const headers = [...ring.slice(oldest), ...ring.slice(0, oldest)];
    const more = emptyRing(Math.min(2 * room, this.#most));
    for (const [at, number] of headers.entries()) more[at] = number;
    this.#written = room;
    return this.#ring = more;
  }

  /**
   * Returns the headers that are kept, in the order of their frames.
   *
   * Early frames are handled at the time of their arrival, which has passed by
   * then. The times of replies to them are those of the frame before, so that
   * none goes back.
   */
  headers(): LoggedFrame[] {
    const ring = this.#ring;
    if (ring === undefined) return [];
    const room = ring.length / NUMBERS;
    const count = Math.min(this.#written, room);
    let latest = -Infinity;
    return Array.from({ length: count }, (_, index) => {
      const at = NUMBERS * ((this.#written - count + index) % room);
      const [time, id, rest] = ring.slice(at, at + NUMBERS);
      latest = Math.max(latest, time!); // in range
      return { at: latest, id: id!, ...unpacked(rest!) }; // as above
    });
  }
}

function unpacked(rest: number): Omit<LoggedFrame, "at" | "id"> {
  const shown = Math.floor(rest / 0x20000);
  return {
    kind: rest % 0x100,
    flags: Math.floor(rest / 0x100) % 0x100,
    sent: Math.floor(rest / 0x10000) % 2 === 1,
    length: shown === 0 ? undefined : shown - 1,
  };
}
