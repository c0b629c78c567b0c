/**
 * Encoder for `lengthPrefixed()`.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { LimitedEncoder } from "./limited_encoder.ts";
import type { LengthConfig, LengthRule } from "./length_config.ts";
import { view, writeUint } from "../decode/uint.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";

/** Added to the width of little-endian fields, as in the decoder. */
const LITTLE = 16;

/** Returns an encoder for `lengthPrefixed`. */
export function lengthEncoder(config: LengthConfig): FrameEncoder {
  // A rule may read all of the header.
  const apart = config.rule ? config.headerLength : config.fieldEnd;
  const isApart = config.trailer.length === 0 && config.strip >= apart;
  return isApart ? new HeaderEncoder(config) : new LengthEncoder(config);
}

class LengthEncoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  // Initial values let the engine store these fields as integers.
  readonly headroom: number = 0;
  readonly tailroom: number = 0;
  readonly #config: LengthConfig;
  readonly #strip: number = 0;
  /** Number of bytes of a frame beyond its payload. */
  readonly #added: number = 0;
  readonly #min: number = 0;
  /** Number of frame bytes that the length does not count; unused with a rule. */
  readonly #uncounted: number = 0;
  /** The value of the length field, less the payload's length. */
  readonly #surplus: number = 0;
  readonly #offset: number = 0;
  /**
   * Kind of the length field, for `writeField`. It is 0 if the encoder adds more
   * to a frame than the field.
   */
  readonly #field: number = 0;
  /** Whether the header has bytes that neither the length nor `magic` fills. */
  readonly #blank: boolean;

  constructor(config: LengthConfig) {
    super(config.limit, config.range);
    this.#config = config;
    this.headroom = this.#strip = config.strip;
    this.tailroom = config.trailer.length;
    this.#min = config.min;
    this.#uncounted = config.fieldEnd + config.adjustment;
    this.#blank = config.strip > config.fieldEnd ||
      Math.min(config.offset, config.strip) > config.magic.length;
    this.#added = config.strip + config.trailer.length;
    this.#surplus = this.#added - this.#uncounted;
    this.#offset = config.offset;
    const fieldOnly = config.width <= 4 && config.rule === undefined &&
      config.magic.length === 0 && config.trailer.length === 0 && !this.#blank;
    this.#field = fieldOnly ? config.width + (config.little ? LITTLE : 0) : 0;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#added + payloadLength;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, this.#min, this.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const { length } = payload;
    const start = offset + this.#strip;
    const end = start + length;
    // All checks in one condition, for the common layouts.
    if (
      this.#field !== 0 && length >= this.#min && length <= this.limit &&
      offset >= 0 && end <= target.length
    ) {
      // Copy the payload first: it may overlap the target bytes of the header.
      target.set(payload, start);
      const value = length + this.#surplus;
      writeField(this.#field, target, offset + this.#offset, value);
      return end;
    }
    this.#check(length, target, offset);
    target.set(payload, start);
    return this.#close(target, offset, end);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.#strip;
    this.#check(length, target, frameStart);
    if (this.#field === 0) return this.#close(target, frameStart, payloadEnd);
    const value = length + this.#surplus;
    writeField(this.#field, target, frameStart + this.#offset, value);
    return payloadEnd;
  }

  /** Throws if a payload's length or the room is out of range. */
  #check(length: number, target: Uint8Array, offset: number): void {
    checkPayloadLength(length, this.#min, this.limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
  }

  /** Completes the frame of a payload whose length has been checked. */
  #close(
    target: Uint8Array,
    frameStart: number,
    payloadEnd: number,
  ): number {
    const { trailer } = this.#config;
    const frameEnd = payloadEnd + trailer.length;
    this.#writeHeader(target, frameStart, frameEnd - frameStart);
    copySmall(trailer, target, payloadEnd);
    return frameEnd;
  }

  /** Writes the header of a payload that follows in another write. */
  protected writeHeaderApart(
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ): number {
    checkPayloadLength(payloadLength, this.#min, this.limit);
    checkRoom(target, offset, this.#strip);
    this.#writeHeader(target, offset, this.#strip + payloadLength);
    return offset + this.#strip;
  }

  #writeHeader(
    target: Uint8Array,
    frameStart: number,
    frameLength: number,
  ): void {
    const { magic, offset, width, little, rule } = this.#config;
    // Zero the unused header bytes so that old target content is not sent.
    if (this.#blank) target.fill(0, frameStart, frameStart + this.#strip);
    copySmall(magic, target, frameStart);
    const at = frameStart + offset;
    if (rule === undefined) {
      const value = frameLength - this.#uncounted;
      return writeUint(target, at, width, little, value);
    }
    const headerEnd = frameStart + this.#config.headerLength;
    const header = view(target, frameStart, headerEnd);
    const value = valueBy(rule, frameLength, header, width);
    writeUint(target, at, width, little, value);
    const back = decodedBy(rule, header, value);
    if (back !== frameLength) {
      refusePayload(
        `'rule' encodes the length of its frame of ${frameLength} bytes as ${value}, but decodes ${value} as a frame of ${back} bytes`,
      );
    }
  }
}

/** An encoder whose headers do not contain bytes of the payload. */
class HeaderEncoder extends LengthEncoder {
  encodeHeader(
    payloadLength: number,
    target: Uint8Array,
    offset: number,
  ): number {
    return this.writeHeaderApart(payloadLength, target, offset);
  }
}

/** Returns the value of the length field by a custom rule. */
function valueBy(
  rule: LengthRule,
  frameLength: number,
  header: Uint8Array,
  width: number,
): number {
  const value = rule.encode(frameLength, header);
  if (!Number.isSafeInteger(value) || value < 0 || value >= 256 ** width) {
    refusePayload(
      `'rule' encodes the length of its frame of ${frameLength} bytes as ${value}; expected an integer that fits in ${width} byte(s)`,
    );
  }
  return value;
}

/** Returns the length that the decoder gets from a custom rule. */
function decodedBy(
  rule: LengthRule,
  header: Uint8Array,
  value: number,
): number {
  try {
    return rule.decode(header, value);
  } catch (error) {
    refusePayload(`'rule' throws for its header: ${messageOf(error)}`);
  }
}

/** Writes a length field of up to four bytes. */
function writeField(
  field: number,
  to: Uint8Array,
  at: number,
  value: number,
): void {
  if (field === 4) { // the most common one, without a jump through a table
    to[at] = value >>> 24;
    to[at + 1] = value >>> 16;
    to[at + 2] = value >>> 8;
    to[at + 3] = value;
    return;
  }
  switch (field) {
    case 4 + LITTLE:
      to[at] = value;
      to[at + 1] = value >>> 8;
      to[at + 2] = value >>> 16;
      to[at + 3] = value >>> 24;
      return;
    case 3:
      to[at] = value >>> 16;
      to[at + 1] = value >>> 8;
      to[at + 2] = value;
      return;
    case 3 + LITTLE:
      to[at] = value;
      to[at + 1] = value >>> 8;
      to[at + 2] = value >>> 16;
      return;
    case 2:
      to[at] = value >>> 8;
      to[at + 1] = value;
      return;
    case 2 + LITTLE:
      to[at] = value;
      to[at + 1] = value >>> 8;
      return;
    default:
      to[at] = value;
  }
}

/** Copies a few bytes, faster than `set()` does. */
function copySmall(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}
