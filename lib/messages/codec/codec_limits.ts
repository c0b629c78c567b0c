/**
 * The limits of a codec, in both directions.
 *
 * @module
 */

/**
 * Limits of one message. They apply to encoding and decoding alike, so that a
 * codec accepts every body that a codec with the same limits sends.
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
}

/** The limits, with defaults filled in. */
export type ResolvedCodecLimits = Record<keyof CodecLimits, number>;

const DEFAULTS: ResolvedCodecLimits = {
  maxDepth: 64,
  maxNodes: 1_000_000,
  maxBytes: 16 * 1024 * 1024,
};

/** Maxima; recursive decoders overflow the stack at about 1,000 levels. */
const HIGHEST: ResolvedCodecLimits = {
  maxDepth: 512,
  maxNodes: 2 ** 29,
  maxBytes: 2 ** 30,
};

const NAMES = ["maxDepth", "maxNodes", "maxBytes"] as const;

/**
 * Fills in the default limits and checks the ranges.
 *
 * @throws {RangeError} if a limit is not an integer in its range
 */
export function resolveCodecLimits(limits: CodecLimits): ResolvedCodecLimits {
  const resolved = { ...DEFAULTS };
  for (const name of NAMES) {
    const value = limits[name] ?? DEFAULTS[name];
    if (!Number.isInteger(value) || value < 1 || value > HIGHEST[name]) {
      throw new RangeError(
        `Cannot make a codec as '${name}' must be an integer from 1 to ${
          HIGHEST[name]
        }: current value is ${value}`,
      );
    }
    resolved[name] = value;
  }
  return resolved;
}
