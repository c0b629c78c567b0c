/** What all encoders share: the checks of a payload and of its target. */
import { FrameError } from "../errors.ts";

/** Refuses a payload outside of the limits. */
export function checkPayloadLength(
  length: number,
  min: number,
  max: number,
): void {
  if (length > max) {
    throw new FrameError(
      "too-long",
      `Cannot encode a payload of ${length} bytes: 'maxFrameLength' allows ${max}`,
      { declared: length, limit: max },
    );
  }
  if (!(length >= min)) {
    throw new FrameError(
      "too-short",
      `Cannot encode a payload of ${length} bytes: this layout needs ${min} at least`,
      { declared: length, limit: min },
    );
  }
}

/** Refuses a target without room, into which bytes would be lost in silence. */
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

/** Refuses a payload for what is in it. */
export function refusePayload(why: string): never {
  throw new FrameError("bad-payload", `Cannot encode the payload: ${why}`);
}
