/**
 * Encoder for layouts whose prefix has a variable size.
 *
 * @module
 */
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";
import { LimitedEncoder } from "./limited_encoder.ts";

/** A prefix whose size depends on the length that it encodes. */
export interface PrefixFormat {
  /** Returns the size of the prefix for a length without the lead. */
  prefixLength(payloadLength: number): number;
  /** Writes the prefix for a payload length, without the lead. */
  writePrefix(target: Uint8Array, at: number, payloadLength: number): void;
  /** Number of bytes of the payload that precede the prefix; 0 by default. */
  readonly lead?: number;
  /** Maximum length in bytes of what follows the payload; 0 by default. */
  readonly tailroom?: number;
  /**
   * Writes what follows a payload, and returns the offset after it. Required
   * if `tailroom` is not 0.
   */
  writeTrailer?(
    target: Uint8Array,
    payloadStart: number,
    payloadEnd: number,
  ): number;
  /** Maximum payload length in bytes. */
  readonly limit: number;
  /** Smallest and largest valid limit. */
  readonly range: readonly [least: number, most: number];
}

/**
 * An encoder for frames with a prefix of variable size.
 *
 * ```text
 * ┌────────┬────────┬─────────┬───────────┐
 * │ (lead) │ prefix │ payload │ (trailer) │
 * └────────┴────────┴─────────┴───────────┘
 * ```
 *
 * The lead is the first bytes of the payload that `encode()` takes.
 *
 * For in-place framing, the headroom fits the longest prefix. If the prefix is
 * shorter, the payload is moved to close the gap.
 */
export class PrefixEncoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  readonly tailroom: number;
  readonly #lead: number;
  readonly encodeHeader?: (
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ) => number;
  readonly #format: PrefixFormat;
  #headroom: number;

  constructor(format: PrefixFormat) {
    super(format.limit, format.range);
    this.#format = format;
    this.tailroom = format.tailroom ?? 0;
    this.#lead = format.lead ?? 0;
    if (this.tailroom === 0 && this.#lead === 0) {
      this.encodeHeader = (payloadLength, target, offset) => {
        checkPayloadLength(payloadLength, 0, this.limit);
        const length = format.prefixLength(payloadLength);
        checkRoom(target, offset, length);
        format.writePrefix(target, offset, payloadLength);
        return offset + length;
      };
    }
    this.#headroom = this.#prefixLength(format.limit);
  }

  get headroom(): number {
    return this.#headroom;
  }

  override get maxFrameLength(): number {
    return super.maxFrameLength;
  }

  override set maxFrameLength(value: number) {
    super.maxFrameLength = value;
    this.#headroom = this.#prefixLength(this.limit);
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#prefixLength(payloadLength) + payloadLength + this.tailroom;
  }

  #prefixLength(payloadLength: number): number {
    return this.#format.prefixLength(Math.max(0, payloadLength - this.#lead));
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, this.#lead, this.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    const end = this.encodeInto(payload, frame, 0);
    return end === frame.length ? frame : frame.slice(0, end);
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const length = payload.length;
    checkPayloadLength(length, this.#lead, this.limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
    const start = offset + this.#prefixLength(length);
    // Copy the payload first: it may overlap the target bytes of the prefix.
    target.set(payload, start);
    return this.#close(target, offset, start, length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.headroom;
    checkPayloadLength(length, this.#lead, this.limit);
    const start = frameStart + this.#prefixLength(length);
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
    const lead = this.#lead;
    if (lead > 0) target.copyWithin(frameStart, start, start + lead);
    this.#format.writePrefix(target, frameStart + lead, length - lead);
    const end = start + length;
    if (this.tailroom === 0) return end;
    return this.#format.writeTrailer!(target, start, end);
  }
}
