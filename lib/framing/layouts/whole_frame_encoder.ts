/**
 * Encoder of payloads that are whole frames.
 *
 * @module
 */
import { LimitedEncoder } from "./limited_encoder.ts";
import type { FrameLayout } from "../decode/frame_assembler.ts";
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";

/**
 * An encoder whose payloads are whole frames: it adds nothing, and checks that
 * `measure` agrees with their length.
 */
export class WholeFrameEncoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  readonly headroom = 0;
  readonly tailroom = 0;
  readonly #layout: () => FrameLayout;
  readonly #least: number;

  /** @param layout creates a layout, to measure one frame */
  constructor(layout: () => FrameLayout) {
    const { limit, limitRange } = layout();
    super(limit, limitRange);
    this.#layout = layout;
    this.#least = limitRange[0];
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return payloadLength;
  }

  encode(payload: Uint8Array): Uint8Array {
    this.#check(payload, 0, payload.length);
    return new Uint8Array(payload);
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

  /** Throws a `FrameError` unless the bytes are exactly one frame. */
  #check(bytes: Uint8Array, start: number, end: number): void {
    checkPayloadLength(end - start, this.#least, this.limit);
    const one = this.#layout();
    one.limit = this.limit;
    const measured = one.measure(bytes, start, end);
    const whole = measured === end - start;
    if (whole) one.open(bytes, start, end);
    if (one.fault !== undefined) refusePayload(one.fault.detail);
    if (!whole) refusePayload(mismatch(measured, end - start));
  }
}

/** Describes bytes that are not exactly one frame. */
function mismatch(measured: number, length: number): string {
  if (measured <= 0) return `it is ${length} bytes of an incomplete frame`;
  return measured < length
    ? `it begins with a frame of ${measured} bytes, but has ${length}; encode each frame on its own`
    : `its header announces a frame of ${measured} bytes, but it has ${length}`;
}
