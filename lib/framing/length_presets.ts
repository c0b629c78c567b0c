/**
 * Framings with a plain length prefix, named after it.
 *
 * ```text
 * ┌────────┬─────────┐
 * │ length │ payload │
 * └────────┴─────────┘
 * ```
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Framing } from "./framing.ts";
import {
  lengthPrefixed,
  type LengthPrefixedOptions,
} from "./layouts/length_prefixed.ts";
import { varintPrefixed } from "./layouts/varint_prefixed.ts";

/**
 * Options for the preset framings.
 *
 * @category Framing
 */
export interface PresetOptions {
  /**
   * Maximum number of bytes that `next()` returns and `encode()` takes.
   *
   * @default {4194304} unless the preset documents another limit; less if the
   * length field cannot hold it
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

/** Names of the options of every preset. */
export const PRESET_OPTIONS: OptionNames<PresetOptions> = {
  maxFrameLength: true,
  onTooLarge: true,
};

/** The same for presets whose frames may keep their header. */
export const PLAIN_OPTIONS = { ...PRESET_OPTIONS, keepHeader: true } as const;

/**
 * Frames payloads with a 2-byte big-endian length prefix.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u16be(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u16be()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 2 });
}

/**
 * Frames payloads with a 2-byte little-endian length prefix.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u16le(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u16le()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 2, endian: "little" });
}

/**
 * Frames payloads with a 3-byte big-endian length prefix.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u24be(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u24be()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 3 });
}

/**
 * Frames payloads with a 3-byte little-endian length prefix.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u24le(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u24le()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 3, endian: "little" });
}

/**
 * Frames payloads with a 4-byte big-endian length prefix.
 *
 * @example Encode a frame and decode it
 * ```ts
 * import { u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = u32be().encoder().encode(new Uint8Array([7, 8]));
 * assertEquals(wire, new Uint8Array([0, 0, 0, 2, 7, 8]));
 *
 * const decoder = u32be().decoder();
 * decoder.push(wire);
 * assertEquals(decoder.next(), new Uint8Array([7, 8]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u32be(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u32be()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 4 });
}

/**
 * Frames payloads with a 4-byte little-endian length prefix.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u32le(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u32le()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 4, endian: "little" });
}

/**
 * Frames payloads with an 8-byte big-endian length prefix. A length of 2^53 or
 * more is rejected.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u64be(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u64be()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 8 });
}

/**
 * Frames payloads with an 8-byte little-endian length prefix. A length of 2^53
 * or more is rejected.
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function u64le(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  const given = checkOptions("u64le()", options, PLAIN_OPTIONS);
  return lengthPrefixed({ ...given, width: 8, endian: "little" });
}

/**
 * Frames payloads with a varint length prefix, as in Protocol Buffers.
 *
 * Source: `writeDelimitedTo` of Protocol Buffers; libp2p.
 *
 * @example Encode a frame
 * ```ts
 * import { varint } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = varint().encoder().encode(new Uint8Array(300));
 * assertEquals(wire.subarray(0, 2), new Uint8Array([0xac, 0x02]));
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Length prefixes
 */
export function varint(
  options: PresetOptions & Pick<LengthPrefixedOptions, "keepHeader"> = {},
): Framing {
  checkOptions("varint()", options, PLAIN_OPTIONS);
  return varintPrefixed(options);
}
