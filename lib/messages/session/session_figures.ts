/**
 * Figures of a session: what it has done, and what it holds now.
 *
 * @module
 */
import type { CallCounters } from "./flow/counters.ts";
import type { FrameCounts } from "./flow/frame_log.ts";
import type { SharedState } from "./flow/shared_state.ts";
import { KINDS } from "./wire/frame_header.ts";

/**
 * Calls of one direction.
 *
 * @category Figures
 */
export interface CallFigures {
  /** Number of calls that began. */
  readonly started: number;
  /** Number of calls that ended with a result. */
  readonly ok: number;
  /** Number of calls that failed or were cancelled, except for refused ones. */
  readonly failed: number;
  /** Number of calls that failed without reaching a handler. */
  readonly refused: number;
  /** Number of calls that are in progress. */
  readonly open: number;
}

/**
 * Counters of the traffic of one session, or of several together.
 *
 * @category Figures
 */
export interface TrafficStats {
  /** Number of bytes in sent frames, with lengths and headers. */
  readonly bytesSent: number;
  /** Number of bytes in received frames, with lengths and headers. */
  readonly bytesReceived: number;
  /** Number of sent frames by kind, such as `{ REQUEST: 3 }`. */
  readonly framesSent: Readonly<Record<string, number>>;
  /** Number of received frames by kind; unknown kinds together are `other`. */
  readonly framesReceived: Readonly<Record<string, number>>;
  /** Calls that this side made; notifications do not count. */
  readonly callsMade: CallFigures;
  /** Calls that the peer made; notifications do not count. */
  readonly callsHandled: CallFigures;
  /**
   * Number of late frames, for calls that are over. Examples are replies and
   * items that crossed a CANCEL.
   */
  readonly lateFrames: number;
  /** Number of the peer's calls and notifications that were refused. */
  readonly refusedCalls: number;
  /** Number of bodies and frames that violated the rules of one call. */
  readonly malformedCalls: number;
  /** Number of frames of an unknown kind with the flag IGNORABLE. */
  readonly ignoredFrames: number;
  /**
   * Number of this side's notifications that were not sent.
   *
   * They are dropped when the session ends, or when too much is queued.
   */
  readonly droppedNotifications: number;
}

/**
 * Credit in bytes, by what it is for.
 *
 * @category Figures
 */
export interface CreditFigures {
  /** For REQUEST frames. */
  readonly requests: number;
  /** For NOTIFY frames. */
  readonly notifications: number;
  /** For the items of all streams. */
  readonly items: number;
}

/**
 * Memory of one kind.
 *
 * @category Figures
 */
export interface HeldFigure {
  /** Heap bytes that are charged to the session. */
  readonly bytes: number;
  /** Most bytes that the session may hold; `Infinity` if others bound them. */
  readonly limit: number;
}

/**
 * Kinds of memory that a session holds for its peer.
 *
 * @category Figures
 */
export type HeldKind =
  /** Frames that the transport has not taken. */
  | "unsent"
  /** Calls by the peer that are in progress. */
  | "calls"
  /** Calls to the peer that are in progress. */
  | "ownCalls"
  /** Calls and notifications to the peer that wait to be sent. */
  | "ownQueue"
  /** Replies and items that wait for credit or their turn. */
  | "replies"
  /** Messages of which more frames are expected. */
  | "unfinished"
  /** Items that the application has not read. */
  | "items"
  /** Requests that wait for their handlers. */
  | "waiting"
  /** Notifications that wait for their handlers. */
  | "notifications"
  /** Decoded inputs of running handlers. */
  | "inputs"
  /** Frames that are kept for another connection. */
  | "kept"
  /** Frames that arrived during authentication. */
  | "early"
  /** Messages of topics that wait for the client. */
  | "topics"
  /** Headers of the last frames. */
  | "recorder";

/**
 * Figures of one session at one moment.
 *
 * @typeParam Kinds the kinds of memory
 *
 * @category Figures
 */
export interface SessionFigures<
  Kinds extends HeldKind = Exclude<HeldKind, "topics" | "recorder">,
> extends TrafficStats {
  /** Time at which the handshake was complete; 0 before. */
  readonly openedAt: number;
  /** Time at which the transport last accepted bytes; 0 before the first. */
  readonly lastSentAt: number;
  /** Time at which bytes last arrived; 0 before the first. */
  readonly lastReceivedAt: number;
  /**
   * Milliseconds of the last measured round trip; `undefined` before the first.
   *
   * Each side measures about once per `limits.heartbeat`, also while it is busy.
   */
  readonly roundTrip: number | undefined;
  /** Most calls that the peer may have in progress. */
  readonly maxCalls: number;
  /** Bytes that this side may send now. */
  readonly credit: CreditFigures;
  /** Bytes that the peer may send now. */
  readonly creditGranted: CreditFigures;
  /** Bytes that windows of streams may still be raised by. */
  readonly windowLeft: number;
  /**
   * Whether the peer gets no calls and no credit.
   *
   * This is so while the server's memory is short, and the session holds more
   * than its share.
   */
  readonly restricted: boolean;
  /** Bytes that the transport has not taken yet. */
  readonly unsentBytes: number;
  /** Heap bytes that the session holds for its peer, in total. */
  readonly heldBytes: number;
  /** The same by kind, with their limits. */
  readonly held: Readonly<Record<Kinds, HeldFigure>>;
}

/** Returns a copy of the counters with the calls in progress. */
export function callFigures(counters: CallCounters): CallFigures {
  const { started, ok, failed, refused } = counters;
  const open = started - ok - failed - refused;
  return { started, ok, failed, refused, open };
}

function framesOf({ byKind }: FrameCounts): Record<string, number> {
  const frames: Record<string, number> = {};
  for (let slot = 0; slot < byKind.length; slot++) {
    const count = byKind[slot]!; // in range
    if (count > 0) frames[KINDS[slot] ?? "other"] = count;
  }
  return frames;
}

/** Returns the counters of a session. */
export function trafficOf(
  { stats, writer: { log } }: SharedState,
): TrafficStats {
  return {
    ...stats,
    bytesSent: log.sent.bytes,
    bytesReceived: log.received.bytes,
    framesSent: framesOf(log.sent),
    framesReceived: framesOf(log.received),
    callsMade: callFigures(stats.callsMade),
    callsHandled: callFigures(stats.callsHandled),
  };
}

type Counters = Omit<
  TrafficStats,
  "framesSent" | "framesReceived" | "callsMade" | "callsHandled"
>;
type Sums<T> = { -readonly [Name in keyof T]: T[Name] };

/** Sums of the counters of several sessions. */
export class TrafficSums {
  readonly #counters: Sums<Counters> = {
    bytesSent: 0,
    bytesReceived: 0,
    lateFrames: 0,
    refusedCalls: 0,
    malformedCalls: 0,
    ignoredFrames: 0,
    droppedNotifications: 0,
  };
  readonly #framesSent: Record<string, number> = {};
  readonly #framesReceived: Record<string, number> = {};
  readonly #callsMade: Sums<CallFigures> = noCalls();
  readonly #callsHandled: Sums<CallFigures> = noCalls();

  /** Adds the counters of a session. */
  add(stats: TrafficStats): void {
    addNumbers(this.#counters, stats);
    addFrames(this.#framesSent, stats.framesSent);
    addFrames(this.#framesReceived, stats.framesReceived);
    addNumbers(this.#callsMade, stats.callsMade);
    addNumbers(this.#callsHandled, stats.callsHandled);
  }

  /** Returns a copy of the sums. */
  copy(): TrafficStats {
    return {
      ...this.#counters,
      framesSent: { ...this.#framesSent },
      framesReceived: { ...this.#framesReceived },
      callsMade: { ...this.#callsMade },
      callsHandled: { ...this.#callsHandled },
    };
  }
}

function noCalls(): Sums<CallFigures> {
  return { started: 0, ok: 0, failed: 0, refused: 0, open: 0 };
}

/** Adds the numbers of `more` that have a sum. */
function addNumbers<Name extends string>(
  sums: Record<Name, number>,
  more: Readonly<Record<NoInfer<Name>, number>>,
): void {
  for (const name in sums) sums[name] += more[name];
}

function addFrames(
  sums: Record<string, number>,
  more: Readonly<Record<string, number>>,
): void {
  for (const [kind, count] of Object.entries(more)) {
    sums[kind] = (sums[kind] ?? 0) + count;
  }
}
