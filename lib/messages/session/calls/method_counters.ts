/**
 * Counts of the calls of a method, in all sessions.
 *
 * @module
 */

import type { CallError, CallErrorCode } from "../../errors/call_error.ts";
import {
  type OverloadCause,
  overloadCauseOf,
} from "../../errors/overload_cause.ts";
import {
  type DurationFigures,
  DurationHistogram,
} from "../time/duration_histogram.ts";

/**
 * Calls of one method that this side handles, in all sessions.
 *
 * @category Figures
 */
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
  /**
   * Number of these handlers whose calls are over: cancelled, past their deadline,
   * or without a session. A handler that does not heed its signal stays here.
   */
  readonly abandoned: number;
  /** Milliseconds from requests to results or errors, of all ended calls. */
  readonly time: number;
  /**
   * Durations of the calls that ended with a result, in ms.
   *
   * Percentiles are exact to 6 %. Failed calls are left out, since errors that
   * return at once would make them look better. For a stream, it is its lifetime.
   * Calls whose handlers return at once, without a promise, share the time that the
   * server spends on the frames that arrived together.
   */
  readonly duration: DurationFigures;
  /** Number of failed and refused calls by the code of the error. */
  readonly errors: Readonly<Partial<Record<CallErrorCode, number>>>;
  /** Number of failed calls with `overloaded`, by the limit they met. */
  readonly overloaded: Readonly<Partial<Record<OverloadCause, number>>>;
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
  /** Number of these whose calls are over. */
  abandoned = 0;
  /** Milliseconds that ended calls took. */
  time = 0;
  /** Durations of the calls that ended with a result. */
  readonly #duration: DurationHistogram = new DurationHistogram();
  /** Number of all calls that ended with an error. */
  #errors = 0;
  /** The same by code. */
  readonly #byCode: Map<CallErrorCode, number> = new Map();
  /** Number of calls that ended with `overloaded`, by cause. */
  #overloaded: Map<OverloadCause, number> | undefined = undefined;

  /** Adds the duration of a call that ended with a result. */
  took(ms: number): void {
    this.time += ms;
    this.#duration.add(ms);
  }

  /**
   * Counts a call that ended with an error.
   *
   * @param error the error, or its code if the handler has made it
   */
  failed(error: CallError | CallErrorCode, refused: boolean): void {
    const code = typeof error === "string" ? error : error.code;
    this.#errors++;
    if (refused) this.refused++;
    add(this.#byCode, code);
    if (code !== "overloaded") return;
    const cause = typeof error === "string"
      ? "handler"
      : overloadCauseOf(error);
    add(this.#overloaded ??= new Map(), cause);
  }

  /** Returns the figures. */
  figures(): MethodFigures {
    const { started, ok, refused, running, abandoned, time } = this;
    const failed = this.#errors - refused;
    const open = started - ok - this.#errors;
    return {
      ...{ started, ok, failed, refused, open, running, abandoned, time },
      duration: this.#duration.figures(),
      errors: Object.fromEntries(this.#byCode),
      overloaded: Object.fromEntries(this.#overloaded ?? []),
    };
  }
}

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
