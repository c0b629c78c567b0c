/**
 * What a codec accepts at most, in both directions.
 *
 * @module
 */

/**
 * Budgets for one message. They hold for encoding as for decoding, so that
 * what one side's codec sends the same codec accepts.
 */
export interface CodecLimits {
  /**
   * Arrays and objects within each other, 1 to 512. Stops the decoder, and
   * everyone who walks the value after it, from overflowing the stack.
   *
   * @default {64}
   */
  maxDepth?: number;
  /**
   * Values and keys in one message. Stops a message from becoming many times
   * its size in memory: an empty array is one byte on the wire.
   *
   * @default {1000000}
   */
  maxNodes?: number;
  /**
   * Bytes of all strings, keys and binary data together, up to 2^30.
   *
   * @default {16777216}
   */
  maxBytes?: number;
}

/** Limits with their defaults filled in. */
export type ResolvedCodecLimits = Required<CodecLimits>;

const DEFAULTS: ResolvedCodecLimits = {
  maxDepth: 64,
  maxNodes: 1_000_000,
  maxBytes: 16 * 1024 * 1024,
};

/** Decoders that call themselves overflow the stack from about 1,000 levels. */
const HIGHEST: ResolvedCodecLimits = {
  maxDepth: 512,
  maxNodes: 2 ** 29,
  maxBytes: 2 ** 30,
};

const NAMES = ["maxDepth", "maxNodes", "maxBytes"] as const;

/**
 * Fills in the defaults and checks the ranges.
 *
 * @throws {RangeError} for a limit that is not a whole number in its range
 */
export function resolveCodecLimits(limits: CodecLimits): ResolvedCodecLimits {
  const resolved = { ...DEFAULTS };
  for (const name of NAMES) {
    const value = limits[name] ?? DEFAULTS[name];
    if (!Number.isInteger(value) || value < 1 || value > HIGHEST[name]) {
      throw new RangeError(
        `Cannot make a codec as '${name}' must be a whole number from 1 to ${
          HIGHEST[name]
        }: current value is ${value}`,
      );
    }
    resolved[name] = value;
  }
  return resolved;
}
