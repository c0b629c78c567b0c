/**
 * Encoder of payloads that are whole frames.
 *
 * @module
 */
import type { FrameLayout } from "../decode/frame_assembler.ts";
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";

/** An encoder that adds nothing to a payload, only checks it. */
export class WholeFrameEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom = 0;
  readonly tailroom = 0;
  readonly #check: (bytes: Uint8Array, start: number, end: number) => void;

  /** @param check throws a `FrameError` if the bytes are not a frame */
  constructor(check: (bytes: Uint8Array, start: number, end: number) => void) {
    this.#check = check;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return payloadLength;
  }

  encode(payload: Uint8Array): Uint8Array {
    this.#check(payload, 0, payload.length);
    return payload.slice();
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    this.#check(payload, 0, payload.length);
    checkRoom(target, offset, payload.length);
    target.set(payload, offset);
    return offset + payload.length;
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    this.#check(target, frameStart, payloadEnd);
    return payloadEnd;
  }
}

/**
 * Returns the encoder of a layout that keeps its headers: payloads are whole
 * frames, and `measure` must agree with their length.
 *
 * @param layout creates a layout, to measure one frame
 */
export function keptHeaderEncoder(layout: () => FrameLayout): FrameEncoder {
  const { limitRange: [least], limit } = layout();
  return new WholeFrameEncoder((bytes, start, end) => {
    checkPayloadLength(end - start, least, limit);
    const one = layout();
    const whole = one.measure(bytes, start, end) === end - start;
    if (whole) one.open(bytes, start, end);
    if (one.fault !== undefined) refusePayload(one.fault.detail);
    if (!whole) {
      refusePayload(
        "the length in its header does not match the bytes that follow",
      );
    }
  });
}
