/**
 * Bounds the large replies that the handlers of a server may return.
 * Unlike the reservations of a session, it counts a handler for as long as it
 * runs, also after the end of its session.
 *
 * @module
 */

import { Reservations } from "./reservations.ts";

/** Bytes expected of a reply of unknown size. */
const UNKNOWN_REPLY = 1024 * 1024;

/** Part of the limit that the handlers of one session may use. */
const SESSION_SHARE = 1 / 8;

/** The handlers that run in all sessions of a server. */
export class RunningHandlers {
  /** Bytes that their large replies may have. */
  expected = 0;
  /** Replies of unknown size, for 64 ms after their handlers were entered. */
  readonly #unknown: Reservations = new Reservations();
  readonly #limit: number;

  /** @param limit maximum number of bytes, unless each session has one handler */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether a session may not enter another handler with a large reply. */
  isFull(ofSession: number): boolean {
    if (ofSession === 0) return false;
    return this.expected >= this.#limit ||
      ofSession >= this.#limit * SESSION_SHARE;
  }

  /** Records that a handler was entered whose reply has an unknown size. */
  enteredUnknown(now: number): void {
    this.#unknown.add(UNKNOWN_REPLY, now);
  }

  /** Whether a session may not enter another handler with an unknown reply. */
  isCrowded(now: number): boolean {
    this.#unknown.advance(now);
    return this.#unknown.total >= this.#limit;
  }
}
