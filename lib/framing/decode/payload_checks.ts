/**
 * Validation of payloads and targets, shared by all encoders.
 *
 * @module
 */
import { FrameError } from "../errors.ts";

/** Throws if a payload's length is outside of the limits. */
export function checkPayloadLength(
  length: number,
  min: number,
  max: number,
): void {
  if (length > max) {
    throw new FrameError(
      `Cannot encode a payload of ${length} bytes: 'maxFrameLength' allows ${max}`,
      { code: "too-large", declared: length, limit: max },
    );
  }
  if (!(length >= min)) {
    throw new FrameError(
      `Cannot encode a payload of ${length} bytes: this layout needs at least ${min}`,
      { code: "too-short", declared: length, limit: min },
    );
  }
}

/**
 * Throws if a target is too small. Without this check, bytes would be lost
 * silently.
 */
export function checkRoom(
  target: Uint8Array,
  offset: number,
  length: number,
): void {
  if (!(offset >= 0 && offset + length <= target.length)) {
    throw new RangeError(
      `Cannot encode ${length} bytes at offset ${offset}: the target has ${target.length} bytes`,
    );
  }
}

/** Throws an error about a payload that the layout cannot carry. */
export function refusePayload(reason: string): never {
  throw new FrameError(`Cannot encode the payload: ${reason}`, {
    code: "bad-payload",
  });
}
