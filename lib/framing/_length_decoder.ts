import { FrameAssembler } from "./_assembler.ts";
import { type LengthForm, LengthLayout } from "./_length_layout.ts";

/** Byte order and width in one number, for one switch. */
const LITTLE = 8;

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
  /** From the frame's start to its end, beside the value. */
  readonly #beside: number;
  readonly #strip: number;
  readonly #min: number;

  constructor(form: LengthForm) {
    super(new LengthLayout(form), form.onTooLong);
    this.#fast = form.width <= 4 && form.rule === undefined &&
      form.magic.length === 0 && form.trailer.length === 0;
    this.#field = form.width + (form.little ? LITTLE : 0);
    this.#offset = form.offset;
    this.#fieldEnd = form.fieldEnd;
    this.#beside = form.fieldEnd + form.adjustment;
    this.#strip = form.strip;
    this.#min = form.min;
  }

  override next(): Uint8Array | undefined {
    const at = this.at;
    const bytes = this.bytes;
    const stop = this.stop;
    if (this.plain && this.#fast && at + this.#fieldEnd <= stop) {
      const total = this.#beside +
        readField(this.#field, bytes, at + this.#offset);
      const end = at + total;
      const payload = total - this.#strip;
      if (
        end <= stop && payload >= this.#min && total >= this.#fieldEnd &&
        payload <= this.layout.limit
      ) {
        this.at = end;
        this.frames++;
        return new Uint8Array(
          bytes.buffer,
          bytes.byteOffset + at + this.#strip,
          payload,
        );
      }
    }
    return super.next();
  }
}

function readField(field: number, b: Uint8Array, at: number): number {
  switch (field) {
    case 1:
    case 1 + LITTLE:
      return b[at]!;
    case 2:
      return b[at]! << 8 | b[at + 1]!;
    case 2 + LITTLE:
      return b[at + 1]! << 8 | b[at]!;
    case 3:
      return b[at]! << 16 | b[at + 1]! << 8 | b[at + 2]!;
    case 3 + LITTLE:
      return b[at + 2]! << 16 | b[at + 1]! << 8 | b[at]!;
    case 4:
      return (b[at]! << 24 | b[at + 1]! << 16 | b[at + 2]! << 8 |
        b[at + 3]!) >>> 0;
    default:
      return (b[at + 3]! << 24 | b[at + 2]! << 16 | b[at + 1]! << 8 |
        b[at]!) >>> 0;
  }
}
