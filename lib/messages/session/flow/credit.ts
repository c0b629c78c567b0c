/**
 * Frames that grant credit: CREDIT for a call, WINDOW for the connection.
 *
 * @module
 */
import type { SharedState } from "./shared_state.ts";
import { getU32, HEADER, putU32 } from "../wire/frame_header.ts";

/** Highest credit that a sender may have (PROTOCOL.md, "Credit"). */
export const MAX_CREDIT: number = 2 ** 31 - 1;

/**
 * Returns the amount in a CREDIT or WINDOW frame; 0 if the frame is malformed.
 */
export function creditOf(frame: Uint8Array): number {
  return frame.length === HEADER + 4 ? getU32(frame, HEADER) : 0;
}

/** Writes a frame whose body is a u32. */
export function writeU32(
  shared: SharedState,
  kind: number,
  id: number,
  value: number,
): void {
  const { writer } = shared;
  const at = writer.begin(kind, 0, id, 4);
  putU32(writer.buffer, at, value);
  writer.commit(at + 4);
}
