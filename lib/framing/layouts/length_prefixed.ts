/**
 * Frames with a length field of 1 to 8 bytes.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { maxUint } from "../decode/uint.ts";
import { LengthDecoder } from "./length_decoder.ts";
import { lengthEncoder } from "./length_encoder.ts";
import type { LengthConfig, LengthRule } from "./length_config.ts";
import {
  checkFunctions,
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";

export type { LengthRule };

/**
 * Options for {@linkcode lengthPrefixed}.
 *
 * ```text
 *            ┌──────────┬────────┬─────────┬─────────────┬─────────┐
 *            │ offset   │ width  │         │ payload     │ trailer │
 *            └──────────┴────────┴─────────┴─────────────┴─────────┘
 *            │◄──── headerLength ─────────►│
 * counts: "payload"                        │◄───────────►│
 * counts: "afterField"           │◄──────────────────────────────►│
 * counts: "wholeFrame"
 *            │◄───────────────────────────────────────────────────►│
 * ```
 *
 * @category Length prefixes
 */
export interface LengthPrefixedOptions {
  /**
   * Width of the length field in bytes, from 1 to 8.
   *
   * @default {4}
   */
  width?: number | undefined;
  /**
   * Byte order of the length field.
   *
   * @default {"big"}
   */
  endian?: "big" | "little" | undefined;
  /**
   * Number of bytes before the length field.
   *
   * @default {0}
   */
  offset?: number | undefined;
  /**
   * Number of bytes before the payload. Header bytes that are stripped and
   * belong to neither the length field nor `magic` are written as 0.
   *
   * @default {offset + width}
   */
  headerLength?: number | undefined;
  /**
   * The part of the frame that the length field counts.
   *
   * @default {"payload"}
   */
  counts?: "payload" | "afterField" | "wholeFrame" | undefined;
  /**
   * Number of bytes after the length field that it does not count; negative if
   * it also counts bytes before its own end. An alternative to `counts`.
   */
  adjustment?: number | undefined;
  /** Custom meaning of the length field. An alternative to `counts`. */
  rule?: LengthRule | undefined;
  /**
   * Whether frames keep their header: `next()` returns frames with it, and
   * `encode()` takes frames with it and writes the length into them. The trailer
   * is never kept.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Number of leading bytes that `next()` removes and `encode()` adds. An
   * alternative to `keepHeader`, to keep the end of the header or to remove more
   * than the header.
   *
   * @default {headerLength}
   */
  strip?: number | undefined;
  /**
   * Constant bytes at the start of every frame; at most `offset` bytes. The
   * encoder writes them; the decoder requires them.
   *
   * @default {new Uint8Array(0)}
   */
  magic?: Uint8Array | undefined;
  /**
   * Constant bytes at the end of every frame. The encoder writes them; the
   * decoder requires and removes them.
   *
   * @default {new Uint8Array(0)}
   */
  trailer?: Uint8Array | undefined;
  /**
   * Minimum payload length in bytes, in both directions.
   *
   * @default {0}
   */
  minFrameLength?: number | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The header counts if
   * it is kept.
   *
   * The default, also used by gRPC, `protodelim` and `it-length-prefixed`, is
   * larger than most messages, but small enough that a hostile peer costs
   * little memory. The default is capped at the largest value of the length
   * field; an explicit limit above that is rejected.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame that is too large or too short: `"close"` throws and
   * ends the stream; `"skip"` counts the frame in `skipped` and continues with
   * the next one.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const LENGTH_OPTIONS: OptionNames<LengthPrefixedOptions> = {
  width: true,
  endian: true,
  offset: true,
  headerLength: true,
  counts: true,
  adjustment: true,
  rule: true,
  keepHeader: "flag",
  strip: true,
  magic: true,
  trailer: true,
  minFrameLength: true,
  maxFrameLength: true,
  onTooLarge: true,
};

/**
 * Creates a framing with a length field of fixed width.
 *
 * ```text
 * ┌─────────────────┬───────────────────┐
 * │ length (4, BE)  │ payload           │      the default
 * └─────────────────┴───────────────────┘
 * ```
 *
 * @example Encode and decode a frame
 * ```ts
 * import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = lengthPrefixed({ width: 2, maxFrameLength: 1024 });
 * const wire = framing.encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 2, 7, 8]));
 *
 * const decoder = framing.decoder();
 * decoder.push(wire.subarray(0, 3)); // chunks may end anywhere
 * assertEquals(decoder.next(), undefined);
 * decoder.push(wire.subarray(3));
 * assertEquals(decoder.next(), new Uint8Array([7, 8]));
 * decoder.end();
 * ```
 *
 * @example A header of 12 bytes with a length that counts the whole frame
 * ```ts
 * import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = lengthPrefixed({
 *   offset: 4,
 *   headerLength: 12,
 *   counts: "wholeFrame",
 *   magic: new TextEncoder().encode("LWP1"),
 * });
 * const wire = framing.encoder().encode(new Uint8Array(3));
 * assertEquals(wire.length, 15);
 * assertEquals(wire[7], 15);
 * ```
 *
 * @example FastCGI records, whose length excludes the padding in the header
 * ```ts
 * import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const fastcgi = lengthPrefixed({
 *   width: 2,
 *   offset: 4,
 *   headerLength: 8,
 *   keepHeader: true,
 *   rule: {
 *     decode: (header, length) => 8 + length + header[6]!,
 *     encode: (frameLength, header) => frameLength - 8 - header[6]!,
 *   },
 * });
 * const record = Uint8Array.of(1, 6, 0, 1, 0, 0, 3, 0, 97, 98, 0, 0, 0);
 * const wire = fastcgi.encoder().encode(record);
 * assertEquals(wire[5], 2); // 13 bytes without the header and 3 bytes of padding
 * ```
 *
 * @throws {RangeError} if a number is out of range, or if `maxFrameLength`
 * exceeds what the length field can hold
 * @throws {TypeError} if an option is unknown, options contradict each other, or
 * `rule` lacks a function
 *
 * @category Length prefixes
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): Framing {
  return lengthPrefixedUpTo(Number.MAX_SAFE_INTEGER, options);
}

/**
 * Creates the framings of `lengthPrefixed()` and of presets with a narrower
 * length.
 *
 * @param most the longest frame that the preset can carry, in bytes
 */
export function lengthPrefixedUpTo(
  most: number,
  options: LengthPrefixedOptions,
): Framing {
  const config = resolve(options, most);
  return {
    maxFrameLength: config.limit,
    decoder: () => new LengthDecoder(config),
    encoder: () => lengthEncoder(config),
  };
}

function resolve(options: LengthPrefixedOptions, most: number): LengthConfig {
  checkOptions("lengthPrefixed()", options, LENGTH_OPTIONS);
  const { width = 4, endian = "big", offset = 0, onTooLarge = "close" } =
    options;
  checkInteger("width", width, [1, 8]);
  checkInteger("offset", offset, [0, 65_536]);
  checkOneOf("endian", endian, ["big", "little"]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const fieldEnd = offset + width;
  const { headerLength = fieldEnd } = options;
  checkInteger("headerLength", headerLength, [fieldEnd, 131_072]);
  const strip = stripOf(options, headerLength);
  const magic = new Uint8Array(options.magic ?? []);
  checkInteger("magic.length", magic.length, [0, offset]);
  const trailer = new Uint8Array(options.trailer ?? []);
  const adjustment = adjustmentOf(options, fieldEnd, headerLength);
  const { rule } = options;
  if (rule !== undefined) {
    checkFunctions("'rule'", rule, ["decode", "encode"]);
  }
  const needed = rule === undefined ? fieldEnd : headerLength;
  const ends = strip + trailer.length;
  const range = [
    Math.max(0, needed - strip, rule ? 0 : fieldEnd + adjustment - ends),
    Math.min(
      most - ends,
      rule ? Infinity : fieldEnd + maxUint(width) + adjustment - ends,
    ),
  ] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const { minFrameLength = 0 } = options;
  checkInteger("minFrameLength", minFrameLength, [0, limit]);
  return {
    ...{ width, little: endian === "little", offset, fieldEnd, headerLength },
    ...{ adjustment, rule, strip, magic, trailer, needed, range, limit },
    ...{ min: Math.max(minFrameLength, range[0]), onTooLarge },
  };
}

function stripOf(
  { strip, keepHeader }: LengthPrefixedOptions,
  headerLength: number,
): number {
  if (strip === undefined) return keepHeader ? 0 : headerLength;
  if (keepHeader !== undefined) {
    throw new TypeError(
      "Cannot combine 'keepHeader' and 'strip': each defines which part of the header 'next()' removes; set only one",
    );
  }
  return checkInteger("strip", strip, [0, 131_072]);
}

function adjustmentOf(
  { counts, adjustment, rule, trailer }: LengthPrefixedOptions,
  fieldEnd: number,
  headerLength: number,
): number {
  const given = [counts, adjustment, rule].filter((x) => x !== undefined);
  if (given.length > 1) {
    throw new TypeError(
      "Cannot combine 'counts', 'adjustment' and 'rule': each defines what the length field counts; set only one",
    );
  }
  if (adjustment !== undefined) {
    return checkInteger("adjustment", adjustment, [-(2 ** 32), 2 ** 32]);
  }
  switch (
    checkOneOf("counts", counts ?? "payload", [
      "payload",
      "afterField",
      "wholeFrame",
    ])
  ) {
    case "payload":
      return headerLength - fieldEnd + (trailer?.length ?? 0);
    case "afterField":
      return 0;
    case "wholeFrame":
      return -fieldEnd;
  }
}
