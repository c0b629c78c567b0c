import { FrameAssembler } from "../decode/frame_assembler.ts";
import type { LengthForm } from "./length_form.ts";
import { LengthLayout } from "./length_layout.ts";

/** Byte order and width in one number, for one switch. */
const LITTLE = 16;

/**
 * The decoder of `lengthPrefixed`. Frames that lie whole in a chunk and break
 * no rule are cut here, in one pass with no call but that of the view;
 * everything else goes the long way, which looks at the frame anew.
 */
export class LengthPrefixedDecoder extends FrameAssembler {
  readonly #fast: boolean;
  readonly #field: number;
  readonly #offset: number;
  readonly #fieldEnd: number;
  /** Bytes of the frame that the value does not count. */
  readonly #uncounted: number;
  readonly #strip: number;
  /** The least bytes of a whole frame. */
  readonly #least: number;

  constructor(form: LengthForm) {
    super(new LengthLayout(form), form.onTooLong);
    this.#fast = (form.width <= 4 || form.width === 8) &&
      form.rule === undefined &&
      form.magic.length === 0 && form.trailer.length === 0;
    this.#field = form.width + (form.little ? LITTLE : 0);
    this.#offset = form.offset;
    this.#fieldEnd = form.fieldEnd;
    this.#uncounted = form.fieldEnd + form.adjustment;
    this.#strip = form.strip;
    this.#least = Math.max(form.fieldEnd, form.min + form.strip);
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

/** A length field; below 0 from 2^31, which is no fast case. */
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
      return (b[at]! | b[at + 1]! | b[at + 2]! | b[at + 3]!) === 0
        ? readField(4, b, at + 4)
        : -1;
    case 8 + LITTLE:
      return (b[at + 4]! | b[at + 5]! | b[at + 6]! | b[at + 7]!) === 0
        ? readField(4 + LITTLE, b, at)
        : -1;
    default:
      return b[at]!;
  }
}
