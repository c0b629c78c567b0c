/**
 * The contract of {@linkcode MessageCodec} as a test: a codec that passes can
 * stand under a session.
 *
 * @module
 */
import { CODEC_CHECKS, type CodecUnderTest } from "./codec_checks.ts";
import { sameValue } from "./same_value.ts";
import type { MessageCodec } from "../messages/codec/message_codec.ts";

/** Options of {@linkcode checkCodec}. */
export interface CodecComplianceOptions {
  /** Values that must arrive as they are, at least one; the more kinds the better. */
  values: readonly unknown[];
  /**
   * Values that must be refused with a `CodecError`.
   *
   * @default {[]}
   */
  refused?: readonly unknown[];
  /**
   * Whether decoded values may reference the body.
   *
   * @default {false}
   */
  borrows?: boolean;
  /**
   * When two values count as the same.
   *
   * @default deep equality: numbers by `Object.is`, but 0 is -0; dates by time,
   * `Uint8Array`s by bytes, arrays and plain objects by their parts
   */
  equal?: (actual: unknown, expected: unknown) => boolean;
  /**
   * Runs one check; hand it to the steps of a test framework to see each by
   * name. It must run the check and pass on its error.
   *
   * @default {(_name, check) => check()}
   */
  step?: (name: string, check: () => void) => unknown;
}

/**
 * Checks a codec against the whole contract: its name, that values arrive,
 * encoding in place at every alignment and with every shortage of room, that
 * nothing is shared or kept between messages, and that no bytes, cut, changed
 * or made up, get anything but a value or a `CodecError`. It needs no test
 * framework.
 *
 * @param codec the codec
 * @param options what it carries
 * @throws {AggregateError} with one `Error` for each check that failed
 * @throws {RangeError} for no values to check with
 *
 * @example
 * ```ts
 * import { checkCodec, json } from "@lengthwise/lengthwise/messages";
 *
 * await checkCodec(json(), { values: [null, "é", [1, { a: true }]], refused: [1n, NaN] });
 * ```
 */
export async function checkCodec(
  codec: MessageCodec,
  options: CodecComplianceOptions,
): Promise<void> {
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
  const errors: Error[] = [];
  for (const [name, check] of Object.entries(CODEC_CHECKS)) {
    try {
      await step(name, () => check(subject));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      errors.push(new Error(`${name}: ${why}`, { cause }));
    }
  }
  if (errors.length === 0) return;
  throw new AggregateError(
    errors,
    `The codec breaks the contract in ${errors.length} of ${
      Object.keys(CODEC_CHECKS).length
    } checks: ${errors.map((error) => error.message).join("; ")}`,
  );
}
