/**
 * Counts of the calls of a method, in all sessions.
 *
 * @module
 */

import type { CallErrorCode } from "../../errors/call_error.ts";

/** Calls of one method that this side handles, in all sessions. */
export interface MethodFigures {
  /** Number of calls that began. */
  readonly started: number;
  /** Number of calls that ended with a result. */
  readonly ok: number;
  /** Number of calls that failed or were cancelled, except for refused ones. */
  readonly failed: number;
  /** Number of calls that failed without being processed. */
  readonly refused: number;
  /** Number of calls that are in progress. */
  readonly open: number;
  /**
   * Number of handlers that run, with their middleware. It exceeds `open` if
   * handlers go on after the ends of their calls.
   */
  readonly running: number;
  /** Milliseconds from requests to results or errors, of all ended calls. */
  readonly time: number;
  /** Number of failed and refused calls by the code of the error. */
  readonly errors: Readonly<Partial<Record<CallErrorCode, number>>>;
}

/** Counters of the calls of one method. */
export class MethodCounters {
  /** Number of calls that began. */
  started = 0;
  /** Number of calls that ended with a result. */
  ok = 0;
  /** Number of calls that failed unprocessed. */
  refused = 0;
  /** Number of handlers that run. */
  running = 0;
  /** Milliseconds that ended calls took. */
  time = 0;
  /** Number of all calls that ended with an error. */
  #errors = 0;
  /** The same by code. */
  readonly #byCode: Map<CallErrorCode, number> = new Map();

  /** Counts a call that ended with an error. */
  error(code: CallErrorCode, refused: boolean): void {
    this.#errors++;
    if (refused) this.refused++;
    this.#byCode.set(code, (this.#byCode.get(code) ?? 0) + 1);
  }

  /** Returns the figures. */
  figures(): MethodFigures {
    const { started, ok, refused, running, time } = this;
    const failed = this.#errors - refused;
    const open = started - ok - this.#errors;
    const errors = Object.fromEntries(this.#byCode);
    return { started, ok, failed, refused, open, running, time, errors };
  }
}
