import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { checkPayloadLength, checkRoom } from "./payload_checks.ts";

/** A prefix whose own size depends on the length that it tells. */
export interface PrefixForm {
  /** Bytes of the prefix for a payload of so many bytes. */
  prefixLength(payloadLength: number): number;
  /** Writes the prefix. */
  writePrefix(target: Uint8Array, at: number, payloadLength: number): void;
  /** A byte behind the payload. */
  readonly trailer?: number;
  readonly limit: number;
}

/**
 * ```text
 * ┌────────┬─────────┬──────────┐
 * │ prefix │ payload │ (1 byte) │
 * └────────┴─────────┴──────────┘
 * ```
 *
 * In place, the room in front is that of the longest prefix; behind a shorter
 * one the payload moves down, so that no gap is left.
 */
export class PrefixEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom: number;
  readonly tailroom: number;
  readonly encodeHeader?: (
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ) => number;
  readonly #form: PrefixForm;

  constructor(form: PrefixForm) {
    this.#form = form;
    if (form.trailer === undefined) {
      this.encodeHeader = (payloadLength, target, offset) => {
        checkPayloadLength(payloadLength, 0, form.limit);
        const length = form.prefixLength(payloadLength);
        checkRoom(target, offset, length);
        form.writePrefix(target, offset, payloadLength);
        return offset + length;
      };
    }
    this.headroom = form.prefixLength(form.limit);
    this.tailroom = form.trailer === undefined ? 0 : 1;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#form.prefixLength(payloadLength) + payloadLength +
      this.tailroom;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, 0, this.#form.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const length = payload.length;
    checkPayloadLength(length, 0, this.#form.limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
    const start = offset + this.#form.prefixLength(length);
    // The payload first: it may lie in the target, under the prefix.
    target.set(payload, start);
    return this.#close(target, offset, start, length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.headroom;
    checkPayloadLength(length, 0, this.#form.limit);
    const start = frameStart + this.#form.prefixLength(length);
    checkRoom(target, start, length + this.tailroom);
    if (start < frameStart + this.headroom) {
      target.copyWithin(start, frameStart + this.headroom, payloadEnd);
    }
    return this.#close(target, frameStart, start, length);
  }

  #close(
    target: Uint8Array,
    frameStart: number,
    start: number,
    length: number,
  ): number {
    this.#form.writePrefix(target, frameStart, length);
    if (this.#form.trailer === undefined) return start + length;
    target[start + length] = this.#form.trailer;
    return start + length + 1;
  }
}
