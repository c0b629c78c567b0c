/**
 * Frames of a fixed length.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { Layout } from "../decode/layout.ts";
import { checkInteger } from "../decode/option_checks.ts";
import { WholeFrameEncoder } from "./whole_frame_encoder.ts";

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
    encoder: () => new WholeFrameEncoder(() => new FixedLayout(length)),
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
