/**
 * A compliance suite for the {@linkcode Framing} contract.
 *
 * @module
 */
import type { Framing } from "../framing/framing.ts";
import { DECODER_CHECKS } from "./decoder_checks.ts";
import { ENCODER_CHECKS } from "./encoder_checks.ts";
import { concat, type FramingUnderTest } from "./framing_kit.ts";

/**
 * Options that {@linkcode checkFraming} passes to its factory.
 *
 * @category Compliance
 */
export interface FramingCheckOptions {
  /** Maximum payload length in bytes; a framing without a limit ignores it. */
  maxFrameLength?: number;
}

/**
 * Checks a framing against the whole {@linkcode Framing} contract.
 *
 * It checks round trips, every split of the stream into chunks, bytes after a
 * frame, every truncation, equal limits in both directions, `rest`, `pending`,
 * `held`, the state after an error, and hostile bytes. It also checks that
 * chunks are neither changed nor referenced after `next()` returns `undefined`,
 * and that `encode`, `encodeInto`, `encodeHeader` and `seal` agree. It needs no
 * test framework.
 *
 * @example Check a framing
 * ```ts
 * import { checkFraming } from "@lengthwise/lengthwise/testing";
 * import { lengthPrefixed } from "@lengthwise/lengthwise/framing";
 *
 * checkFraming(
 *   (options) => lengthPrefixed({ ...options, width: 2 }),
 *   [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(300)],
 * );
 * ```
 *
 * @param makeFraming creates the framing; some checks pass it a limit
 * @param samples at least two payloads that the framing can carry; a few hundred
 * bytes in total are enough, as the work grows with the square of the total
 * @throws {Error} if a check fails; the message names the check
 *
 * @category Compliance
 */
export function checkFraming(
  makeFraming: (options: FramingCheckOptions) => Framing,
  samples: readonly Uint8Array[],
): void {
  if (samples.length < 2) {
    throw new Error(
      `Cannot check a framing with ${samples.length} sample(s): expected at least 2 samples`,
    );
  }
  const encoder = makeFraming({}).encoder();
  const frames = samples.map((sample) => encoder.encode(sample.slice()));
  const subject: FramingUnderTest = {
    makeFraming,
    samples,
    frames,
    wire: concat(frames),
  };
  for (const [name, check] of [...ENCODER_CHECKS, ...DECODER_CHECKS]) {
    try {
      check(subject);
    } catch (error) {
      throw new Error(
        `The framing failed the check '${name}': ${
          error instanceof Error ? error.message : error
        }`,
        { cause: error },
      );
    }
  }
}
