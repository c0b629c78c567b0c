/**
 * Figures and recordings of a session, as applications see them.
 *
 * @module
 */
import type { FrameRecord } from "../errors/frame_record.ts";
import type { SessionStats } from "../observe/stats.ts";
import type { FrameLog } from "../session/flow/frame_log.ts";
import type { SessionView } from "../session/session.ts";
import type { HeldFigure } from "../session/session_figures.ts";
import { KINDS, slotOf } from "../session/wire/frame_header.ts";

/** Heap bytes of the header of a frame. */
const RECORD_COST = 24;

/** Figures of the topics that a session is subscribed to. */
export interface SubscribedTopics {
  /** Messages that wait. */
  readonly held: HeldFigure;
  /** Number of topics. */
  readonly subscriptions: number;
}

/** The topics of a session that has none. */
export const NO_TOPICS: SubscribedTopics = {
  held: { bytes: 0, limit: 0 },
  subscriptions: 0,
};

/**
 * Returns the figures of a session.
 *
 * @param recordedFrames number of frame headers that it records
 * @param timerDelay milliseconds by which its recent timers were late
 */
export function statsOf(
  session: SessionView,
  topics: SubscribedTopics,
  recordedFrames: number,
  timerDelay: number,
): SessionStats {
  const figures = session.figures();
  const recorder = {
    bytes: session.state === "closed" ? 0 : session.log.held,
    limit: RECORD_COST * recordedFrames,
  };
  return {
    ...figures,
    openedAt: sinceEpoch(figures.openedAt),
    lastSentAt: sinceEpoch(figures.lastSentAt),
    lastReceivedAt: sinceEpoch(figures.lastReceivedAt),
    heldBytes: figures.heldBytes + topics.held.bytes + recorder.bytes,
    held: { ...figures.held, topics: topics.held, recorder },
    subscriptions: topics.subscriptions,
    timerDelay,
  };
}

/** Returns the headers of the last frames, the oldest first. */
export function recordingOf(log: FrameLog): FrameRecord[] {
  return log.headers().map(({ at, sent, kind, ...rest }) => ({
    at: sinceEpoch(at),
    direction: sent ? "sent" : "received",
    kind: nameOf(kind),
    ...rest,
  }));
}

/** Returns the name of a kind, or its number in hexadecimal. */
function nameOf(kind: number): string {
  const slot = slotOf(kind);
  const name = slot === 0 ? undefined : KINDS[slot];
  return name ?? `0x${kind.toString(16).padStart(2, "0")}`;
}

/** Returns a time of the session's clock in ms since 1970; 0 for `NaN`. */
function sinceEpoch(time: number): number {
  return Number.isNaN(time) ? 0 : performance.timeOrigin + time;
}
