/**
 * Counts events of the links of sessions in a run, and the bytes that are charged
 * at its end, by wrapping methods of the library; and limits the frames that
 * sessions keep.
 *
 * @module
 */
import { WaitingCalls } from "../../../lib/messages/client/waiting_calls.ts";
import { MemoryBudget } from "../../../lib/messages/connection/memory_budget.ts";
import { ResumableSink } from "../../../lib/messages/session/resume/resumable_sink.ts";
import { SentFrames } from "../../../lib/messages/session/resume/sent_frames.ts";
import { SessionResumption } from "../../../lib/messages/session/resume/session_resumption.ts";
import { Session } from "../../../lib/messages/session/session.ts";

/** Events of the links in a run. */
export interface LinkCounts {
  /** Frames that were sent again on another link. */
  replays: number;
  /** Links that were replaced while the server still used them. */
  fences: number;
  /** Times that a session kept too many frames to be resumed. */
  fullRings: number;
}

/** Objects of the library that count held bytes. */
export interface Charged {
  readonly budgets: Set<MemoryBudget>;
  readonly waiting: Set<WaitingCalls>;
}

/** Returns names of the objects that still count bytes. */
export function* stillCharged({ budgets, waiting }: Charged): Iterable<string> {
  for (const { used } of budgets) {
    if (used !== 0) yield `${used} bytes of a server's memory`;
  }
  for (const calls of waiting) {
    const probe = { bytes: 0, resume() {}, fail() {} };
    calls.add(probe); // the bytes matter only while a call waits
    const refusal = calls.refusal(DEFAULT_WAIT_BYTES);
    calls.remove(probe);
    if (refusal !== undefined) yield refusal;
  }
}

/** Default of the option `wait.bytes`. */
const DEFAULT_WAIT_BYTES = 4 * 1024 * 1024;

/**
 * Counts until it is disposed; only one run at a time may do this.
 *
 * @param counts receives the events
 * @param charged receives the objects that count held bytes
 * @param ring most bytes of kept frames in each session
 */
export function countLinks(
  counts: LinkCounts,
  charged: Charged,
  ring: number,
): Disposable {
  const budget = MemoryBudget.prototype;
  const waiting = WaitingCalls.prototype;
  const { open } = budget;
  const { add } = waiting;
  budget.open = function () {
    charged.budgets.add(this);
    return open.call(this);
  };
  waiting.add = function (call) {
    charged.waiting.add(this);
    add.call(this, call);
  };
  const session = Session.prototype;
  const sink = ResumableSink.prototype;
  const frames = SentFrames.prototype;
  const resumption = SessionResumption.prototype;
  const { resume } = session;
  const { replayAfter } = sink;
  const { dropOldest } = frames;
  const { begin } = resumption;
  session.resume = function (...parameters) {
    if (this.state === "open") counts.fences++;
    resume.apply(this, parameters);
  };
  sink.replayAfter = function (received) {
    counts.replays += this.frames.sent - received;
    replayAfter.call(this, received);
  };
  frames.dropOldest = function (limit) {
    counts.fullRings++;
    dropOldest.call(this, limit);
  };
  resumption.begin = function (...parameters) {
    begin.apply(this, parameters);
    this.sink.limit = Math.min(this.sink.limit, ring);
  };
  return {
    [Symbol.dispose]() {
      budget.open = open;
      waiting.add = add;
      session.resume = resume;
      sink.replayAfter = replayAfter;
      frames.dropOldest = dropOldest;
      resumption.begin = begin;
    },
  };
}
