/**
 * Decoder for `lengthPrefixed()`.
 *
 * @module
 */
import { FrameAssembler } from "../decode/frame_assembler.ts";
import type { LengthConfig } from "./length_config.ts";
import { LengthLayout } from "./length_layout.ts";

/**
 * Number added to the width of little-endian fields. One switch then handles
 * both byte orders.
 */
const LITTLE = 16;

/**
 * The decoder for `lengthPrefixed`. With common options, valid frames that are
 * complete within one chunk take a fast path, which calls only the view
 * constructor. All other frames take the general path, which measures them from
 * the start.
 */
export class LengthDecoder extends FrameAssembler {
  readonly #fast: boolean;
  readonly #field: number;
  readonly #offset: number;
  readonly #fieldEnd: number;
  /** Number of frame bytes that the length field does not count. */
  readonly #uncounted: number;
  readonly #strip: number;
  /** Minimum length of a whole frame in bytes. */
  readonly #least: number;

  constructor(config: LengthConfig) {
    super(new LengthLayout(config), config.onTooLarge);
    this.#fast = (config.width <= 4 || config.width === 8) &&
      config.rule === undefined &&
      config.magic.length === 0 && config.trailer.length === 0;
    this.#field = config.width + (config.little ? LITTLE : 0);
    this.#offset = config.offset;
    this.#fieldEnd = config.fieldEnd;
    this.#uncounted = config.fieldEnd + config.adjustment;
    this.#strip = config.strip;
    this.#least = Math.max(config.fieldEnd, config.min + config.strip);
  }

  override next(): Uint8Array | undefined {
    const at = this.at;
    if (this.plain && this.#fast && at + this.#fieldEnd <= this.stop) {
      const value = readField(this.#field, this.bytes, at + this.#offset);
      const total = this.#uncounted + value;
      const payload = total - this.#strip;
      if (
        value >= 0 && total >= this.#least && at + total <= this.stop &&
        payload <= this.layout.limit
      ) {
        this.at = at + total;
        this.frames++;
        return new Uint8Array(
          this.buffer,
          this.origin + at + this.#strip,
          payload,
        );
      }
    }
    return super.next();
  }
}

/** Reads a length field; returns a negative number for values above 2^31-1. */
function readField(field: number, b: Uint8Array, at: number): number {
  switch (field) {
    case 4:
      return b[at]! << 24 | b[at + 1]! << 16 | b[at + 2]! << 8 | b[at + 3]!;
    case 4 + LITTLE:
      return b[at + 3]! << 24 | b[at + 2]! << 16 | b[at + 1]! << 8 | b[at]!;
    case 2:
      return b[at]! << 8 | b[at + 1]!;
    case 2 + LITTLE:
      return b[at + 1]! << 8 | b[at]!;
    case 3:
      return b[at]! << 16 | b[at + 1]! << 8 | b[at + 2]!;
    case 3 + LITTLE:
      return b[at + 2]! << 16 | b[at + 1]! << 8 | b[at]!;
    case 8:
      return readWide(4, b, at, at + 4);
    case 8 + LITTLE:
      return readWide(4 + LITTLE, b, at + 4, at);
    default:
      return b[at]!;
  }
}

/** Reads the low half of a field of 8 bytes, like `readField`. */
function readWide(
  half: number,
  b: Uint8Array,
  high: number,
  low: number,
): number {
  return (b[high]! | b[high + 1]! | b[high + 2]! | b[high + 3]!) === 0
    ? readField(half, b, low)
    : -1;
}
