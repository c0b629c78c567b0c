/**
 * Frames of a fixed length.
 *
 * @module
 */
import type { FrameEncoder, Framing, InPlaceFraming } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { Layout } from "../decode/layout.ts";
import { checkPayloadLength, checkRoom } from "../decode/payload_checks.ts";
import { checkInteger } from "../decode/option_checks.ts";

/**
 * Creates a framing of consecutive frames of `length` bytes each.
 *
 * ```text
 * ┌──────────────┬──────────────┬──────────────┐
 * │ length bytes │ length bytes │ length bytes │
 * └──────────────┴──────────────┴──────────────┘
 * ```
 *
 * @example Records of four bytes
 * ```ts
 * import { fixedLength } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = fixedLength(4).decoder();
 * decoder.push(new Uint8Array([1, 2, 3, 4, 5]));
 * assertEquals(decoder.next(), new Uint8Array([1, 2, 3, 4]));
 * assertEquals(decoder.next(), undefined);
 * assertEquals(decoder.rest(), new Uint8Array([5]));
 * ```
 *
 * @param length number of bytes in each frame, at least 1
 * @throws {RangeError} if `length` is out of range
 *
 * @category Other layouts
 */
export function fixedLength(length: number): Framing {
  checkInteger("length", length, [1, Number.MAX_SAFE_INTEGER]);
  return {
    maxFrameLength: length,
    decoder: () => new FrameAssembler(new FixedLayout(length), "close"),
    encoder: () => new FixedEncoder(length),
  };
}

class FixedLayout extends Layout {
  constructor(length: number) {
    super(length, [length, length]);
    this.declared = length;
  }

  measure(): number {
    return this.limit;
  }
}

class FixedEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom = 0;
  readonly tailroom = 0;
  readonly #length: number;

  constructor(length: number) {
    this.#length = length;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(): number {
    return this.#length;
  }

  encode(payload: Uint8Array): Uint8Array {
    this.seal(payload, 0, payload.length);
    return payload.slice();
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    this.seal(payload, 0, payload.length);
    checkRoom(target, offset, payload.length);
    target.set(payload, offset);
    return offset + payload.length;
  }

  seal(_target: Uint8Array, frameStart: number, payloadEnd: number): number {
    checkPayloadLength(payloadEnd - frameStart, this.#length, this.#length);
    return payloadEnd;
  }
}
