/**
 * The part of a session that keeps it over several connections.
 *
 * @module
 */
import { type LinkSink, ResumableSink } from "./resumable_sink.ts";
import { SessionResumption } from "./session_resumption.ts";

/** The part that keeps the frames of a session for another link. */
export interface Resuming {
  /** Name of the plugin. */
  readonly name: "resumption";
  /**
   * Returns the resumption of a session.
   *
   * @param link the first link
   * @param grace milliseconds that the session waits for another link
   */
  begin(link: LinkSink, grace: number): SessionResumption;
}

/** Keeps frames until the peer acknowledges them. */
export const RESUMING: Resuming = {
  name: "resumption",
  begin: (link, grace) =>
    new SessionResumption({ sink: new ResumableSink(link), grace }),
};
