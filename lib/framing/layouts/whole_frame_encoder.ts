/**
 * Encoder of payloads that are whole frames.
 *
 * @module
 */
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { checkRoom } from "../decode/payload_checks.ts";

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
