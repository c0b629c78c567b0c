/**
 * The rules of the framing layer, as one function that any framing can be held
 * against. Needs no test framework.
 *
 * @module
 */
import type { Framing } from "../framing/framing.ts";
import { DECODING_RULES } from "./decoder_checks.ts";
import { ENCODING_RULES } from "./encoder_checks.ts";
import { type Case, concat } from "./framing_check.ts";

/** Options with which {@linkcode checkFraming} makes a framing. */
export interface ComplianceOptions {
  /** The limit to make it with; a framing without one passes it over. */
  maxFrameLength?: number;
}

/**
 * Holds a framing against every rule of this layer: round trip, every split,
 * byte by byte, bytes behind a frame, every truncation, the same limit both
 * ways, `rest`, `owed`, `held`, the state after an error, hostile bytes, no
 * chunk changed or referenced after "not yet", and `encode`, `encodeInto` and
 * `seal` alike.
 *
 * @example In a test of one's own
 * ```ts
 * import { checkFraming, lengthPrefixed } from "@lengthwise/lengthwise/framing";
 *
 * checkFraming(
 *   (options) => lengthPrefixed({ ...options, width: 2 }),
 *   [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(300)],
 * );
 * ```
 *
 * @param makeFraming makes the framing, with a limit at times
 * @param samples payloads that it can carry, two at least; a few
 * hundred bytes are enough, as the work grows with the square of their sum
 * @throws {Error} that names the rule that is broken
 */
export function checkFraming(
  makeFraming: (options: ComplianceOptions) => Framing,
  samples: readonly Uint8Array[],
): void {
  if (samples.length < 2) {
    throw new Error("Cannot check a framing with fewer than 2 samples");
  }
  const encoder = makeFraming({}).encoder();
  const frames = samples.map((sample) => encoder.encode(sample.slice()));
  const subject: Case = { makeFraming, samples, frames, wire: concat(frames) };
  for (const [rule, check] of [...ENCODING_RULES, ...DECODING_RULES]) {
    try {
      check(subject);
    } catch (error) {
      throw new Error(
        `Cannot accept this framing as it breaks the rule '${rule}': ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    }
  }
}
