/**
 * The last frames of sessions, by the errors that ended them.
 *
 * They are no property of the error, so that printing an error does not print
 * them.
 *
 * @module
 */
import type { FrameRecord } from "./frame_record.ts";

const RECORDINGS: WeakMap<Error, readonly FrameRecord[]> = new WeakMap();

const NONE: readonly FrameRecord[] = [];

/** Adds the last frames of its session to an error. */
export function addRecording(
  error: Error,
  frames: readonly FrameRecord[],
): void {
  if (frames.length > 0) RECORDINGS.set(error, frames);
}

/** Returns the frames that were added to an error; often none. */
export function recordingOf(error: Error): readonly FrameRecord[] {
  return RECORDINGS.get(error) ?? NONE;
}
