/**
 * Measures and checks the frames of `lengthPrefixed()`.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { Layout } from "../decode/layout.ts";
import type { LengthConfig } from "./length_config.ts";
import { readUint, startsWith, view } from "../decode/uint.ts";

/** The layout of frames with a length field of fixed width. */
export class LengthLayout extends Layout {
  readonly #config: LengthConfig;

  constructor(config: LengthConfig) {
    super(config.limit, config.range);
    this.#config = config;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    const { needed, magic, offset, width, little } = this.#config;
    this.declared = undefined;
    if (!startsWith(bytes, start, Math.min(end - start, magic.length), magic)) {
      return this.refuse({
        code: "bad-magic",
        detail: "it does not begin with the 'magic' bytes",
      });
    }
    // `magic` is checked before all of its bytes have arrived, so that a wrong
    // first byte is rejected immediately.
    if (end - start < magic.length) return -(end - start + 1);
    if (end - start < needed) return -needed;
    const value = readUint(bytes, start + offset, width, little);
    const { rule, fieldEnd, adjustment, headerLength } = this.#config;
    if (rule === undefined) {
      return this.#check(bytes, start, value, fieldEnd + value + adjustment);
    }
    const header = view(bytes, start, start + headerLength);
    let total: number;
    try {
      total = rule.decode(header, value);
    } catch (error) {
      const detail = messageOf(error);
      return this.refuse({ code: "bad-header", detail, declared: value });
    }
    return this.#check(bytes, start, value, total);
  }

  #check(
    bytes: Uint8Array,
    start: number,
    value: number,
    total: number,
  ): number {
    const { needed, strip, trailer, min } = this.#config;
    const least = needed + trailer.length;
    // A rule may return anything; JavaScript would also compare digits in a text.
    const valid = typeof total === "number" && total >= least &&
      (total % 1 === 0 || total >= 2 ** 53);
    if (!valid) {
      return this.refuse({
        code: "bad-length",
        detail:
          `its length field ${value} implies a frame of ${total} bytes; expected at least ${least}`,
        declared: value,
      });
    }
    const payload = total - strip - trailer.length;
    this.declared = payload;
    if (payload > this.limit) {
      return this.#tooLarge(bytes, start, payload, total);
    }
    if (payload >= min) return total;
    return this.refuse({
      code: "too-short",
      detail: `its payload has ${payload} bytes; expected at least ${min}`,
      declared: payload,
      limit: min,
      resume: total,
    });
  }

  #tooLarge(
    bytes: Uint8Array,
    start: number,
    payload: number,
    total: number,
  ): number {
    const { offset, width, little } = this.#config;
    const swapped = readUint(bytes, start + offset, width, !little);
    const hint = swappedHint(swapped, this.limit, little);
    return this.refuseLong(payload, total, hint);
  }

  override open(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined {
    const { strip, trailer } = this.#config;
    const payloadEnd = end - trailer.length;
    if (!startsWith(bytes, payloadEnd, trailer.length, trailer)) {
      this.fault = {
        code: "bad-terminator",
        detail: "it does not end with the 'trailer' bytes",
        declared: this.declared,
      };
      return undefined;
    }
    return view(bytes, start + strip, payloadEnd);
  }
}

/** Returns a hint if the opposite byte order makes the length valid. */
export function swappedHint(
  swapped: number,
  limit: number,
  little: boolean,
): string | undefined {
  if (swapped > limit) return undefined;
  const opposite = little ? "big" : "little";
  return `read as ${opposite}-endian, its length field would be ${swapped}: the peer may use the opposite byte order`;
}
