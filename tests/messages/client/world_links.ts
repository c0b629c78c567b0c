/**
 * Counts what happens to the links of sessions in a run, by wrapping methods of
 * the library; and limits the frames that sessions keep.
 *
 * @module
 */
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

/**
 * Counts until it is disposed; only one run at a time may do this.
 *
 * @param counts receives the events
 * @param ring most bytes of kept frames in each session
 */
export function countLinks(counts: LinkCounts, ring: number): Disposable {
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
      session.resume = resume;
      sink.replayAfter = replayAfter;
      frames.dropOldest = dropOldest;
      resumption.begin = begin;
    },
  };
}
