/**
 * The counters of a session.
 *
 * @module
 */

/** Numbers of calls in one direction. */
export interface CallCounters {
  /** Number of calls that began. */
  started: number;
  /** Number of calls that ended with a result. */
  ok: number;
  /** Number of calls that failed or were cancelled. */
  failed: number;
  /** Number of calls that failed without reaching a handler. */
  refused: number;
}

/** Counters of a session. */
export interface SessionCounters {
  /**
   * Number of late frames. Examples are replies and items that crossed a
   * CANCEL.
   */
  lateFrames: number;
  /** Number of the peer's calls and notifications that were refused. */
  refusedCalls: number;
  /** Number of bodies and frames that violated the rules of one call. */
  malformedCalls: number;
  /** Number of frames of an unknown kind with the flag IGNORABLE. */
  ignoredFrames: number;
  /** Number of this side's notifications that were not sent. */
  droppedNotifications: number;
  /** Calls that this side makes. */
  readonly callsMade: CallCounters;
  /** Calls that the peer makes. */
  readonly callsHandled: CallCounters;
}

/** Returns counters that are all 0. */
export function newCounters(): SessionCounters {
  return {
    lateFrames: 0,
    refusedCalls: 0,
    malformedCalls: 0,
    ignoredFrames: 0,
    droppedNotifications: 0,
    callsMade: newCallCounters(),
    callsHandled: newCallCounters(),
  };
}

function newCallCounters(): CallCounters {
  return { started: 0, ok: 0, failed: 0, refused: 0 };
}
