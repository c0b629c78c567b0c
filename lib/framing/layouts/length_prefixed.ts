/**
 * Frames with a length field of 1 to 8 bytes.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { maxUint } from "../decode/uint.ts";
import { LengthPrefixedDecoder } from "./length_decoder.ts";
import { LengthPrefixedEncoder } from "./length_encoder.ts";
import type { LengthForm, LengthRule } from "./length_form.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";

export type { LengthRule };

/**
 * Options of {@linkcode lengthPrefixed}.
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
 */
export interface LengthPrefixedOptions {
  /**
   * Bytes of the length field, 1 to 8.
   *
   * @default {4}
   */
  width?: number;
  /**
   * Byte order of the length field.
   *
   * @default {"big"}
   */
  endian?: "big" | "little";
  /**
   * Bytes in front of the length field.
   *
   * @default {0}
   */
  offset?: number;
  /**
   * Bytes in front of the payload. Header bytes that neither the length nor
   * `magic` fills are written as 0.
   *
   * @default {offset + width}
   */
  headerLength?: number;
  /**
   * What the length counts.
   *
   * @default {"payload"}
   */
  counts?: "payload" | "afterField" | "wholeFrame";
  /**
   * In place of `counts`: bytes behind the length field that it does not
   * count; below 0 where it counts bytes in front of its end.
   */
  adjustment?: number;
  /** In place of `counts`: any other meaning of the length field. */
  rule?: LengthRule;
  /**
   * Bytes at the frame's start that `next()` leaves out and `encode()` adds.
   * `0` keeps the header: `next()` gives whole frames, and `encode()` takes
   * whole frames and writes the length into them.
   *
   * @default {headerLength}
   */
  strip?: number;
  /**
   * Bytes that every frame begins with, at most `offset`: written by the
   * encoder, demanded by the decoder.
   *
   * @default {new Uint8Array(0)}
   */
  magic?: Uint8Array;
  /**
   * Bytes that every frame ends with: written by the encoder, demanded and
   * left out by the decoder.
   *
   * @default {new Uint8Array(0)}
   */
  trailer?: Uint8Array;
  /**
   * The least bytes of payload in a frame, both ways.
   *
   * @default {0}
   */
  minFrameLength?: number;
  /**
   * The most bytes of payload in a frame, both ways: what `next()` gives and
   * `encode()` takes. The default is that of gRPC, `protodelim` and
   * `it-length-prefixed`: more than most messages have, little enough to hold
   * for a peer that fills it. It is clipped to what the length field can say;
   * a limit of your own that the field cannot say is refused.
   *
   * @default {4194304}
   */
  maxFrameLength?: number;
  /**
   * What to do with a frame that is too long or too short: `"close"` throws,
   * and the stream is over; `"skip"` counts it in `skipped` and goes on with
   * the next one.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

/**
 * Frames with a length field of fixed width.
 *
 * ```text
 * ┌─────────────────┬───────────────────┐
 * │ length (4, BE)  │ payload           │      the default
 * └─────────────────┴───────────────────┘
 * ```
 *
 * @example Frames there and back
 * ```ts
 * import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = lengthPrefixed({ width: 2, maxFrameLength: 1024 });
 * const wire = framing.encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 2, 7, 8]));
 *
 * const decoder = framing.decoder();
 * decoder.push(wire.subarray(0, 3)); // cut anywhere
 * assertEquals(decoder.next(), undefined);
 * decoder.push(wire.subarray(3));
 * assertEquals(decoder.next(), new Uint8Array([7, 8]));
 * decoder.end();
 * ```
 *
 * @example A header of 12 bytes whose length counts the whole frame
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
 * @throws {RangeError} if a number is out of range, or `maxFrameLength` is more
 * than the length field can say
 * @throws {TypeError} if options contradict each other
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): Framing {
  const form = resolve(options);
  return {
    maxFrameLength: form.limit,
    decoder: () => new LengthPrefixedDecoder(form),
    encoder: () => new LengthPrefixedEncoder(form),
  };
}

function resolve(options: LengthPrefixedOptions): LengthForm {
  const { width = 4, endian = "big", offset = 0, onTooLong = "close" } =
    options;
  checkInteger("width", width, [1, 8]);
  checkInteger("offset", offset, [0, 65_536]);
  checkOneOf("endian", endian, ["big", "little"]);
  checkOneOf("onTooLong", onTooLong, ["close", "skip"]);
  const fieldEnd = offset + width;
  const { headerLength = fieldEnd } = options;
  checkInteger("headerLength", headerLength, [fieldEnd, 131_072]);
  const { strip = headerLength } = options;
  checkInteger("strip", strip, [0, 131_072]);
  const magic = options.magic?.slice() ?? new Uint8Array(0);
  checkInteger("magic.length", magic.length, [0, offset]);
  const trailer = options.trailer?.slice() ?? new Uint8Array(0);
  const adjustment = adjustmentOf(options, fieldEnd, headerLength);
  const { rule } = options;
  const needed = rule === undefined ? fieldEnd : headerLength;
  const ends = strip + trailer.length;
  const range = [
    Math.max(0, needed - strip, rule ? 0 : fieldEnd + adjustment - ends),
    Math.min(
      Number.MAX_SAFE_INTEGER - ends,
      rule ? Infinity : fieldEnd + maxUint(width) + adjustment - ends,
    ),
  ] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const { minFrameLength = 0 } = options;
  checkInteger("minFrameLength", minFrameLength, [0, limit]);
  return {
    ...{ width, little: endian === "little", offset, fieldEnd, headerLength },
    ...{ adjustment, rule, strip, magic, trailer, needed, range, limit },
    ...{ min: Math.max(minFrameLength, range[0]), onTooLong },
  };
}

function adjustmentOf(
  { counts, adjustment, rule, trailer }: LengthPrefixedOptions,
  fieldEnd: number,
  headerLength: number,
): number {
  const given = [counts, adjustment, rule].filter((x) => x !== undefined);
  if (given.length > 1) {
    throw new TypeError(
      "Cannot use 'counts', 'adjustment' and 'rule' together: each says what the length counts",
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
