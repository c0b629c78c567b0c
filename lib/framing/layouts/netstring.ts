/**
 * Netstrings.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { Layout } from "../decode/layout.ts";
import { checkOneOf, resolveLimit } from "../decode/option_checks.ts";
import { PrefixEncoder } from "./prefix_encoder.ts";
import { WholeFrameEncoder } from "./whole_frame_encoder.ts";

/**
 * Options for {@linkcode netstring}.
 *
 * @category Framing
 */
export interface NetstringOptions {
  /**
   * Whether frames keep their length and comma: `next()` returns whole frames,
   * and `encode()` takes whole frames and rejects one whose length is wrong.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The length and the
   * comma count if they are kept.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame over the limit: `"close"` throws; `"skip"` counts it
   * in `skipped` and continues with the next frame.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const NETSTRING_OPTIONS: OptionNames<NetstringOptions> = {
  keepHeader: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;
/** 2^53 has 16 digits. */
const MAX_DIGITS = 16;
const RANGE = [0, Number.MAX_SAFE_INTEGER - MAX_DIGITS - 2] as const;
/** The shortest whole frame is `0:,`. */
const KEPT_RANGE = [3, Number.MAX_SAFE_INTEGER] as const;

/**
 * Creates a netstring framing: decimal length, colon, payload, comma.
 *
 * ```text
 * ┌────────┬───┬─────────┬───┐
 * │ digits │ : │ payload │ , │     12:hello world!,
 * └────────┴───┴─────────┴───┘
 * ```
 *
 * Decoding is strict: the length has no sign, space or leading zero, and the
 * comma is required.
 * Source: D. J. Bernstein, "Netstrings" (1997).
 *
 * @example Encode and decode a frame
 * ```ts
 * import { netstring } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const hello = new TextEncoder().encode("hello world!");
 * const wire = netstring().encoder().encode(hello);
 * assertEquals(new TextDecoder().decode(wire), "12:hello world!,");
 *
 * const decoder = netstring().decoder();
 * decoder.push(wire);
 * assertEquals(decoder.next(), hello);
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function netstring(options: NetstringOptions = {}): Framing {
  checkOptions("netstring()", options, NETSTRING_OPTIONS);
  const { keepHeader = false, onTooLarge = "close" } = options;
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const range = keepHeader ? KEPT_RANGE : RANGE;
  const limit = resolveLimit(options.maxFrameLength, range);
  const layout = () => new NetstringLayout(limit, range, keepHeader);
  return {
    maxFrameLength: limit,
    decoder: () => new FrameAssembler(layout(), onTooLarge),
    encoder: () =>
      keepHeader ? new WholeFrameEncoder(layout) : new PrefixEncoder({
        ...{ limit, range, prefixLength, writePrefix },
        ...{ tailroom: 1, writeTrailer },
      }),
  };
}

function prefixLength(length: number): number {
  return String(length).length + 1;
}

function writePrefix(target: Uint8Array, at: number, length: number): void {
  const digits = String(length);
  for (let i = 0; i < digits.length; i++) target[at++] = digits.charCodeAt(i);
  target[at] = COLON;
}

function writeTrailer(
  target: Uint8Array,
  _start: number,
  payloadEnd: number,
): number {
  target[payloadEnd] = COMMA;
  return payloadEnd + 1;
}

class NetstringLayout extends Layout {
  readonly #keep: boolean;
  #header = 0;

  constructor(
    limit: number,
    range: readonly [min: number, max: number],
    keep: boolean,
  ) {
    super(limit, range);
    this.#keep = keep;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    this.declared = undefined;
    let value = 0;
    for (let i = 0; i <= MAX_DIGITS; i++) {
      if (start + i >= end) return -(i + 1);
      const byte = bytes[start + i]!;
      if (byte === COLON && i > 0) return this.#check(value, i + 1);
      if (byte < ZERO || byte > NINE) {
        return this.#refusePrefix(
          "its length is not decimal digits followed by a colon",
        );
      }
      if (i === 1 && value === 0) {
        return this.#refusePrefix("its length has a leading zero");
      }
      value = value * 10 + byte - ZERO;
    }
    return this.#refusePrefix(`its length has more than ${MAX_DIGITS} digits`);
  }

  #refusePrefix(detail: string): 0 {
    return this.refuse({ code: "bad-prefix", detail });
  }

  #check(value: number, header: number): number {
    this.#header = header;
    const total = header + value + 1;
    const payload = this.declared = this.#keep ? total : value;
    return payload > this.limit ? this.refuseLong(payload, total) : total;
  }

  override open(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined {
    if (bytes[end - 1] === COMMA) {
      return this.#keep
        ? view(bytes, start, end)
        : view(bytes, start + this.#header, end - 1);
    }
    this.refuse({
      code: "bad-terminator",
      detail: "its payload is not followed by a comma",
      declared: this.declared,
    });
    return undefined;
  }
}
