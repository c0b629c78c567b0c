/**
 * Bounds the large responses that handlers may return, in all sessions together.
 *
 * Unlike the reservations of a session, it counts a handler for as long as it
 * runs, also after the end of its session.
 *
 * @module
 */

import { AwaitedResponses } from "./awaited_responses.ts";

/** The memory of several sessions. */
export interface HandlerBudget {
  /**
   * Returns the running handlers of all these sessions.
   *
   * @param create creates them for the first session that handles calls
   */
  runningHandlers(
    create: new (limit: number) => RunningHandlers,
  ): RunningHandlers;
}

/** Part of the limit that the handlers of one session may use. */
const SESSION_SHARE = 1 / 8;

/** The handlers that run in all sessions together. */
export class RunningHandlers {
  /** Bytes that their large results may have. */
  expected = 0;
  /** First responses that are not known to be small. */
  readonly awaited: AwaitedResponses;
  readonly #limit: number;

  /** @param limit maximum number of bytes, unless each session has one handler */
  constructor(limit: number) {
    this.#limit = limit;
    this.awaited = new AwaitedResponses(limit);
  }

  /** Whether a session may not enter another handler with a large result. */
  isFull(ofSession: number): boolean {
    if (ofSession === 0) return false;
    return this.expected >= this.#limit ||
      ofSession >= this.#limit * SESSION_SHARE;
  }
}
