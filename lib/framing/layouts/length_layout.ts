import type { Fault, FrameLayout } from "../decode/frame_assembler.ts";
import type { LengthForm } from "./length_form.ts";
import { readUint, startsWith, view } from "../decode/uint.ts";

/** Frames with a length field of fixed width. */
export class LengthLayout implements FrameLayout {
  limit: number;
  fault: Fault | undefined;
  declared: number | undefined;
  readonly limitRange: readonly [number, number];
  readonly greedy = false;
  readonly discarding = false;
  readonly held = 0;
  readonly #form: LengthForm;

  constructor(form: LengthForm) {
    this.#form = form;
    this.limit = form.limit;
    this.limitRange = form.range;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    const { needed, magic, offset, width, little } = this.#form;
    this.declared = undefined;
    if (!startsWith(bytes, start, Math.min(end - start, magic.length), magic)) {
      return this.#refuse({
        kind: "bad-magic",
        detail: "it does not begin with the bytes that mark a frame",
      });
    }
    // A wrong first byte is refused at once, however slowly the others come.
    if (end - start < magic.length) return -(end - start + 1);
    if (end - start < needed) return -needed;
    const value = readUint(bytes, start + offset, width, little);
    const total = this.#totalOf(bytes, start, value);
    return this.#check(bytes, start, value, total);
  }

  #totalOf(bytes: Uint8Array, start: number, value: number): number {
    const { rule, fieldEnd, adjustment, headerLength } = this.#form;
    return rule === undefined
      ? fieldEnd + value + adjustment
      : rule.decode(bytes.subarray(start, start + headerLength), value);
  }

  #check(
    bytes: Uint8Array,
    start: number,
    value: number,
    total: number,
  ): number {
    const { needed, strip, trailer, min } = this.#form;
    const payload = total - strip - trailer.length;
    const least = needed + trailer.length;
    if (!(total >= least) || (total % 1 !== 0 && total < 2 ** 53)) {
      return this.#refuse({
        kind: "bad-length",
        detail:
          `its length field says ${value}, which makes a frame of ${total} bytes where ${least} are the least`,
        declared: value,
      });
    }
    this.declared = payload;
    if (payload > this.limit) {
      return this.#tooLong(bytes, start, payload, total);
    }
    if (payload >= min) return total;
    return this.#refuse({
      kind: "too-short",
      detail: `it has ${payload} bytes of payload where ${min} are the least`,
      declared: payload,
      limit: min,
      resume: total,
    });
  }

  #tooLong(
    bytes: Uint8Array,
    start: number,
    payload: number,
    total: number,
  ): number {
    const { offset, width, little } = this.#form;
    const swapped = readUint(bytes, start + offset, width, !little);
    return this.#refuse({
      kind: "too-long",
      detail:
        `it declares ${payload} bytes of payload where 'maxFrameLength' allows ${this.limit}`,
      declared: payload,
      limit: this.limit,
      resume: Number.isSafeInteger(total) ? total : undefined,
      hint: swappedHint(swapped, this.limit, little),
    });
  }

  #refuse(fault: Fault): 0 {
    this.fault = fault;
    return 0;
  }

  open(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
    const { strip, trailer } = this.#form;
    const payloadEnd = end - trailer.length;
    if (!startsWith(bytes, payloadEnd, trailer.length, trailer)) {
      this.fault = {
        kind: "bad-terminator",
        detail: "it does not end with the bytes that close a frame",
        declared: this.declared,
      };
      return undefined;
    }
    return view(bytes, start + strip, payloadEnd);
  }

  discard(): void {}

  idle(): void {}
}

/** A peer of the other byte order declares lengths that make sense backwards. */
function swappedHint(
  swapped: number,
  limit: number,
  little: boolean,
): string | undefined {
  if (swapped > limit) return undefined;
  const other = little ? "big" : "little";
  return `its length field would say ${swapped} if it were ${other}-endian: the peer may use the other byte order`;
}
