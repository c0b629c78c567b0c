/**
 * The limits of a codec, in both directions.
 *
 * @module
 */
import type { OptionNames } from "../../support/check_options.ts";

/**
 * Limits of one message. Except for `maxKeys`, they apply to encoding and decoding
 * alike, so that a codec accepts the bodies that a codec with the same limits
 * sends.
 *
 * @category Codecs
 */
export interface CodecLimits {
  /**
   * Maximum nesting of arrays and objects, from 1 to 512. This prevents stack
   * overflows in the decoder and in code that walks the value.
   *
   * @default {64}
   */
  maxDepth?: number | undefined;
  /**
   * Maximum number of values and keys in a message: 1 to 2^29. This prevents
   * a message from growing to many times its size in memory; an empty array, for
   * example, is only one byte on the wire.
   *
   * @default {1000000}
   */
  maxNodes?: number | undefined;
  /**
   * Maximum total size of strings, keys and binary data in bytes: 1 to 2^30.
   *
   * @default {16777216}
   */
  maxBytes?: number | undefined;
  /**
   * Maximum number of heap bytes that the decoded value holds: 1 to 2^40. The
   * value may also hold no more than 40 bytes for each byte of its body, plus
   * 10 KiB. This prevents small bodies from becoming large values.
   *
   * @default {33554432}
   */
  maxHeld?: number | undefined;
  /**
   * Maximum number of different keys in a body: 0 to 2^29. One more is allowed
   * for each 22 bytes (MessagePack) or 26 bytes (JSON). Keys of more than 12 bytes
   * count as 1.5, and an object whose keys are new or have a new order counts as
   * several more. It applies only to decoding. This prevents bodies that take much
   * longer to decode than others of their size, because the engine records each key
   * and each order.
   *
   * @default {1024}
   */
  maxKeys?: number | undefined;
}

/** The limits, with defaults filled in. */
export type ResolvedCodecLimits = Record<keyof CodecLimits, number>;

const DEFAULTS: ResolvedCodecLimits = {
  maxDepth: 64,
  maxNodes: 1_000_000,
  maxBytes: 16 * 1024 * 1024,
  maxHeld: 32 * 1024 * 1024,
  maxKeys: 1024,
};

/** Maxima; recursive decoders overflow the stack at about 1,000 levels. */
const HIGHEST: ResolvedCodecLimits = {
  maxDepth: 512,
  maxNodes: 2 ** 29,
  maxBytes: 2 ** 30,
  maxHeld: 2 ** 40,
  maxKeys: 2 ** 29,
};

const LOWEST: ResolvedCodecLimits = {
  maxDepth: 1,
  maxNodes: 1,
  maxBytes: 1,
  maxHeld: 1,
  maxKeys: 0,
};

/** Names of the limits. */
export const CODEC_LIMITS: OptionNames<CodecLimits> = {
  maxDepth: true,
  maxNodes: true,
  maxBytes: true,
  maxHeld: true,
  maxKeys: true,
};

/**
 * Fills in the default limits and checks the ranges.
 *
 * @throws {RangeError} if a limit is not an integer in its range
 */
export function resolveCodecLimits(limits: CodecLimits): ResolvedCodecLimits {
  const resolved = { ...DEFAULTS };
  // Of an object whose type has exactly these keys.
  for (const name of Object.keys(DEFAULTS) as (keyof CodecLimits)[]) {
    const value = limits[name] ?? DEFAULTS[name];
    if (
      !Number.isInteger(value) || value < LOWEST[name] || value > HIGHEST[name]
    ) {
      throw new RangeError(
        `Cannot make a codec as '${name}' must be an integer from ${
          LOWEST[name]
        } to ${HIGHEST[name]}: current value is ${value}`,
      );
    }
    resolved[name] = value;
  }
  return resolved;
}
