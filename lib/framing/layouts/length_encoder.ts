import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import type { LengthForm } from "./length_form.ts";
import { writeUint } from "../decode/uint.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";

/** The encoder of `lengthPrefixed`. */
export class LengthPrefixedEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom: number;
  readonly tailroom: number;
  readonly #form: LengthForm;
  readonly #strip: number;
  readonly #min: number;
  readonly #limit: number;
  /** What the value adds to the whole frame; 0 where a rule tells. */
  readonly #beside: number;
  readonly encodeHeader?: (
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ) => number;
  /** Big-endian, at the frame's start, four bytes, nothing else in the header. */
  readonly #simple: boolean;
  /** The header has bytes that neither the length nor the magic fills. */
  readonly #blank: boolean;

  constructor(form: LengthForm) {
    this.#form = form;
    this.headroom = this.#strip = form.strip;
    this.tailroom = form.trailer.length;
    this.#min = form.min;
    this.#limit = form.limit;
    this.#beside = form.fieldEnd + form.adjustment;
    this.#blank = form.strip > form.fieldEnd ||
      (form.strip > 0 && form.offset > form.magic.length);
    this.#simple = form.width === 4 && !form.little && form.offset === 0 &&
      form.strip === 4 && form.adjustment === 0 &&
      form.trailer.length === 0 && form.rule === undefined;
    if (this.tailroom === 0 && form.strip >= form.fieldEnd) {
      this.encodeHeader = (payloadLength, target, offset) => {
        checkPayloadLength(payloadLength, this.#min, this.#limit);
        checkRoom(target, offset, this.#strip);
        this.#writeHeader(target, offset, this.#strip + payloadLength);
        return offset + this.#strip;
      };
    }
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#strip + payloadLength + this.tailroom;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, this.#min, this.#limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const length = payload.length;
    checkPayloadLength(length, this.#min, this.#limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
    const start = offset + this.#strip;
    // The payload first: it may lie in the target, under the header.
    target.set(payload, start);
    return this.#close(target, offset, start + length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.#strip;
    checkPayloadLength(length, this.#min, this.#limit);
    return this.#close(target, frameStart, payloadEnd);
  }

  /** Seals a payload that has been checked. */
  #close(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    if (!this.#simple) return this.#closeAny(target, frameStart, payloadEnd);
    const length = payloadEnd - frameStart - 4;
    target[frameStart] = length >>> 24;
    target[frameStart + 1] = length >>> 16;
    target[frameStart + 2] = length >>> 8;
    target[frameStart + 3] = length;
    return payloadEnd;
  }

  #closeAny(
    target: Uint8Array,
    frameStart: number,
    payloadEnd: number,
  ): number {
    const { trailer } = this.#form;
    const frameEnd = payloadEnd + trailer.length;
    checkRoom(target, frameStart, frameEnd - frameStart);
    this.#writeHeader(target, frameStart, frameEnd - frameStart);
    copySmall(trailer, target, payloadEnd);
    return frameEnd;
  }

  #writeHeader(
    target: Uint8Array,
    frameStart: number,
    frameLength: number,
  ): void {
    const { magic, offset, width, little } = this.#form;
    // Header bytes that nobody sets are 0, never what lay there before.
    if (this.#blank) target.fill(0, frameStart, frameStart + this.#strip);
    copySmall(magic, target, frameStart);
    const value = this.#valueOf(frameLength);
    writeUint(target, frameStart + offset, width, little, value);
  }

  #valueOf(frameLength: number): number {
    const { rule, width } = this.#form;
    if (rule === undefined) return frameLength - this.#beside;
    const value = rule.encode(frameLength);
    if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
      throw new RangeError(
        `Cannot write ${value} as the length of a frame of ${frameLength} bytes: the field has ${width} bytes`,
      );
    }
    return value;
  }
}

/** A few bytes; a call of `set` costs more than they do. */
function copySmall(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}
