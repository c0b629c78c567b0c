/**
 * Encoder for `lengthPrefixed()`.
 *
 * @module
 */
import type { FrameEncoder, InPlaceFraming } from "../framing.ts";
import { LimitedEncoder } from "./limited_encoder.ts";
import type { LengthConfig, LengthRule } from "./length_config.ts";
import { view, writeUint } from "../decode/uint.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";

/** Returns an encoder for `lengthPrefixed`. */
export function lengthEncoder(config: LengthConfig): FrameEncoder {
  // A rule may read all of the header.
  const apart = config.rule ? config.headerLength : config.fieldEnd;
  const isApart = config.trailer.length === 0 && config.strip >= apart;
  return isApart ? new HeaderEncoder(config) : new LengthEncoder(config);
}

class LengthEncoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  readonly headroom: number;
  readonly tailroom: number;
  readonly #config: LengthConfig;
  readonly #strip: number;
  readonly #min: number;
  /** Number of frame bytes that the length does not count; unused with a rule. */
  readonly #uncounted: number;
  /** Whether the header is just a 4-byte big-endian length. */
  readonly #simple: boolean;
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
      config.offset > config.magic.length;
    this.#simple = config.width === 4 && !config.little &&
      config.offset === 0 &&
      config.strip === 4 && config.adjustment === 0 &&
      config.trailer.length === 0 && config.rule === undefined;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return this.#strip + payloadLength + this.tailroom;
  }

  encode(payload: Uint8Array): Uint8Array {
    checkPayloadLength(payload.length, this.#min, this.limit);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    const length = payload.length;
    checkPayloadLength(length, this.#min, this.limit);
    checkRoom(target, offset, this.maxEncodedLength(length));
    const start = offset + this.#strip;
    // Copy the payload first: it may overlap the target bytes of the header.
    target.set(payload, start);
    return this.#close(target, offset, start + length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    const length = payloadEnd - frameStart - this.#strip;
    checkPayloadLength(length, this.#min, this.limit);
    return this.#close(target, frameStart, payloadEnd);
  }

  /** Completes the frame of a payload whose length has been checked. */
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
    const { trailer } = this.#config;
    const frameEnd = payloadEnd + trailer.length;
    checkRoom(target, frameStart, frameEnd - frameStart);
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
    const back = rule.decode(header, value);
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

/** Copies a few bytes, faster than `set()` does. */
function copySmall(from: Uint8Array, to: Uint8Array, at: number): void {
  for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}
