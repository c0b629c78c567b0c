/**
 * Encoder for layouts whose prefix has a variable size.
 *
 * @module
 */
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";

/** A prefix whose size depends on the length that it encodes. */
export interface PrefixFormat {
  /** Returns the size of the prefix for a payload length. */
  prefixLength(payloadLength: number): number;
  /** Writes the prefix for a payload length. */
  writePrefix(target: Uint8Array, at: number, payloadLength: number): void;
  /** A byte that follows the payload. */
  readonly trailer?: number;
  /** Maximum payload length in bytes. */
  readonly limit: number;
}

/**
 * An encoder for frames with a prefix of variable size.
 *
 * ```text
 * ┌────────┬─────────┬──────────┐
 * │ prefix │ payload │ (1 byte) │
 * └────────┴─────────┴──────────┘
 * ```
 *
 * For in-place framing, the headroom fits the longest prefix. If the prefix is
 * shorter, the payload is moved to close the gap.
 */
export class PrefixEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom: number;
  readonly tailroom: number;
  readonly encodeHeader?: (
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ) => number;
  readonly #format: PrefixFormat;

  constructor(format: PrefixFormat) {
    this.#format = format;
    if (format.trailer === undefined) {
      this.encodeHeader = (payloadLength, target, offset) => {
        checkPayloadLength(payloadLength, 0, format.limit);
        const length = format.prefixLength(payloadLength);
        checkRoom(target, offset, length);
        format.writePrefix(target, offset, payloadLength);
        return offset + length;
      };
    }
    this.headroom = format.prefixLength(format.limit);
    this.tailroom = format.trailer === undefined ? 0 : 1;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#format.prefixLength(payloadLength) + payloadLength +
      this.tailroom;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, 0, this.#format.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const length = payload.length;
    checkPayloadLength(length, 0, this.#format.limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
    const start = offset + this.#format.prefixLength(length);
    // Copy the payload first: it may overlap the target bytes of the prefix.
    target.set(payload, start);
    return this.#close(target, offset, start, length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.headroom;
    checkPayloadLength(length, 0, this.#format.limit);
    const start = frameStart + this.#format.prefixLength(length);
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
    this.#format.writePrefix(target, frameStart, length);
    if (this.#format.trailer === undefined) return start + length;
    target[start + length] = this.#format.trailer;
    return start + length + 1;
  }
}
