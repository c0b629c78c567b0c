/**
 * Messages that are split across several frames.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { ChunkedDecoder } from "./chunked_decoder.ts";
import { ChunkedEncoder } from "./chunked_encoder.ts";
import type { ChunkedConfig } from "./chunked_config.ts";
import {
  checkFunctions,
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import type { SplitRule } from "./split_rules.ts";

/**
 * Options for {@linkcode chunked}.
 *
 * @category Framing
 */
export interface ChunkedOptions {
  /**
   * Maximum number of parts in a message, in both directions. Stops a peer that
   * sends empty parts forever.
   *
   * @default {1024}
   */
  maxParts?: number | undefined;
  /**
   * Maximum length of a whole message in bytes, in both directions.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a message that exceeds a limit: `"close"` throws; `"skip"`
   * counts it in `skipped` and continues after its last part.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const CHUNKED_OPTIONS: OptionNames<ChunkedOptions> = {
  maxParts: true,
  maxFrameLength: true,
  onTooLarge: true,
};

/**
 * Creates a framing that splits messages across another framing's frames.
 * `next()` returns whole messages. A message in one frame is a view of that
 * frame; a message in several is assembled in a buffer that grows as its parts
 * arrive.
 *
 * @example Send a message in three parts
 * ```ts
 * import { chunked, doneFlag, u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = chunked(u16be(), doneFlag({ partLength: 4 }), {
 *   maxFrameLength: 100,
 *   maxParts: 25,
 * });
 * const message = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8, 9]);
 * const decoder = framing.decoder();
 * decoder.push(framing.encoder().encode(message));
 * assertEquals(decoder.next(), message);
 * decoder.end();
 * ```
 *
 * @param inner the framing of the parts; it must throw on frames that are too
 * long (`onTooLarge: "close"`), because a skipped part would corrupt its message
 * @param rule how messages are split
 * @throws {RangeError} if a limit is out of range, if the inner framing cannot
 * carry a part, or if `maxParts` parts cannot hold a message of
 * `maxFrameLength` bytes
 * @throws {TypeError} if an option is unknown, or `rule` lacks a function
 *
 * @category Other layouts
 */
export function chunked(
  inner: Framing,
  rule: SplitRule,
  options: ChunkedOptions = {},
): Framing {
  checkOptions("chunked()", options, CHUNKED_OPTIONS);
  const { maxParts = 1024, onTooLarge = "close" } = options;
  checkFunctions("'rule'", rule, ["isLast", "writeHeader"]);
  checkInteger("maxParts", maxParts, [1, 2 ** 32]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const kept = rule.keepHeader ? rule.headerLength : 0;
  const max = maxParts * rule.partLength - (rule.fullContinues ? 1 : 0) + kept;
  const range = [kept, Math.min(max, Number.MAX_SAFE_INTEGER)] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const skip = onTooLarge === "skip";
  // If no message is long enough to fill a part, full parts need not fit in the
  // inner frames.
  const part = Math.min(rule.partLength, limit - kept);
  if (inner.maxFrameLength - rule.headerLength < part) {
    throw new RangeError(
      `Cannot carry parts of ${part} data bytes and ${rule.headerLength} header bytes in frames of at most ${inner.maxFrameLength} bytes: raise the inner 'maxFrameLength' or lower 'partLength'`,
    );
  }
  const config: ChunkedConfig = { inner, rule, maxParts, limit, range, skip };
  return {
    maxFrameLength: limit,
    decoder: () => new ChunkedDecoder(config),
    encoder: () => new ChunkedEncoder(config),
  };
}
