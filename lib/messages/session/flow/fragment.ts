/**
 * Sends encoded messages frame by frame.
 *
 * @module
 */
import type { SendState } from "./send_state.ts";
import { Kind } from "../wire/frame_header.ts";

/** An encoded message, or the rest of one. */
export interface Fragments {
  /** Kind of its frames. */
  readonly kind: number;
  /** Number of bytes that have been sent. */
  offset: number;
  /** Whether it counts as an unfinished message. */
  counted?: boolean;
}

/** Returns whether an encoded message fits into one frame. */
export function fitsFrame(
  { writer }: SendState,
  bytes: Uint8Array,
): boolean {
  return bytes.length <= writer.peerLimits.maxFrameBody;
}

/**
 * Sends the next frame of a message. A message that is split counts as
 * unfinished until its last frame, unless it is an item.
 *
 * @returns the charge of the frame
 */
export function sendFragment(
  shared: SendState,
  message: Fragments,
  bytes: Uint8Array,
  id: number,
): number {
  const { kind, offset } = message;
  if (offset === 0 && kind !== Kind.ITEM && !fitsFrame(shared, bytes)) {
    message.counted = true;
    shared.unfinished.begin(bytes.length);
  }
  const charge = shared.writer.fragment(message, bytes, id);
  if (message.offset === bytes.length) dropFragments(shared, message, bytes);
  return charge;
}

/** Stops counting a message that is finished or abandoned. */
export function dropFragments(
  { writer, unfinished }: SendState,
  message: Fragments,
  bytes: Uint8Array,
): void {
  if (!message.counted) return;
  message.counted = false;
  writer.resumeAll(unfinished.end(bytes.length));
}
