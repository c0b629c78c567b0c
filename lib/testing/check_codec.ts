/**
 * A compliance suite for the {@linkcode MessageCodec} contract. A session can
 * use any codec that passes it.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import { CODEC_CHECKS, type CodecUnderTest } from "./codec_checks.ts";
import { runChecks } from "./run_checks.ts";
import { sameValue } from "./same_value.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";

/**
 * Options for {@linkcode checkCodec}.
 *
 * @category Compliance
 */
export interface CodecCheckOptions {
  /**
   * Values that must survive a round trip unchanged. At least one is required;
   * pass values of many kinds.
   */
  values: readonly unknown[];
  /**
   * Values that the codec must reject with a `CodecError`.
   *
   * @default {[]}
   */
  refused?: readonly unknown[] | undefined;
  /**
   * Whether decoded values may reference the body.
   *
   * @default {false}
   */
  borrows?: boolean | undefined;
  /**
   * Compares a decoded value with the original.
   *
   * @default deep equality: numbers by `Object.is`, except that 0 equals -0;
   * dates by time, `Uint8Array`s by content, arrays and plain objects by members
   */
  equal?: ((actual: unknown, expected: unknown) => boolean) | undefined;
  /**
   * Runs one check. Pass the step function of a test framework to report each
   * check by name. It must run the check and rethrow its error.
   *
   * @default {(_name, check) => check()}
   */
  step?: ((name: string, check: () => void) => unknown) | undefined;
}

/**
 * Checks a codec against the whole {@linkcode MessageCodec} contract.
 *
 * It checks the codec's name, round trips, and encoding in place, at every
 * alignment and into targets that are too small. It also checks that messages
 * share no state, and that truncated, altered and random bodies either decode
 * or throw a `CodecError`. It needs no test framework.
 *
 * @param codec the codec to check
 * @param options the values that the codec must carry and reject
 * @throws {AggregateError} with one `Error` for each failed check
 * @throws {TypeError} if an option is unknown
 * @throws {RangeError} if `values` is empty
 *
 * @example
 * ```ts
 * import { checkCodec } from "@lengthwise/lengthwise/testing";
 * import { json } from "@lengthwise/lengthwise";
 *
 * await checkCodec(json(), { values: [null, "é", [1, { a: true }]], refused: [1n, NaN] });
 * ```
 *
 * @category Compliance
 */
export async function checkCodec(
  codec: MessageCodec,
  options: CodecCheckOptions,
): Promise<void> {
  checkOptions("checkCodec()", options, OPTIONS);
  const {
    values,
    refused = [],
    borrows = false,
    equal = sameValue,
    step = (_name, check) => check(),
  } = options;
  if (values.length === 0) {
    throw new RangeError(
      "Cannot check a codec as 'values' must hold at least one value: current value is []",
    );
  }
  const subject: CodecUnderTest = { codec, values, refused, borrows, equal };
  await runChecks(
    "codec",
    CODEC_CHECKS,
    (name, check) => step(name, () => check(subject)),
  );
}

const OPTIONS: OptionNames<CodecCheckOptions> = {
  values: true,
  refused: true,
  borrows: "flag",
  equal: true,
  step: true,
};
