/**
 * Messages that are split over several frames.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { ChunkedDecoder } from "./chunked_decoder.ts";
import { ChunkedEncoder } from "./chunked_encoder.ts";
import type { ChunkedForm } from "./chunked_form.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import type { SplitRule } from "./split_rules.ts";

/** Options of {@linkcode chunked}. */
export interface ChunkedOptions {
  /**
   * The most parts of a message, both ways. Stops peers that send empty parts
   * without end.
   *
   * @default {1024}
   */
  maxParts?: number;
  /**
   * The most bytes of a whole message, both ways.
   *
   * @default {4194304}
   */
  maxFrameLength?: number;
  /**
   * What to do with a message that is too long or has too many parts: throw, or
   * count it and go on behind its last part.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

/**
 * Splits messages over the frames of another framing, and joins them again.
 * `next()` gives whole messages. A message in one frame is lent as it lies; one
 * in several is assembled in a buffer that grows as its parts arrive.
 *
 * @example A message in three parts
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
 * @param inner the framing of the parts; it must throw at frames that are too
 * long, as a message without one of its parts is none
 * @param rule how messages are split
 * @throws {RangeError} if a limit is out of range, or the inner framing cannot
 * carry a part, or `maxParts` of them not a message
 */
export function chunked(
  inner: Framing,
  rule: SplitRule,
  options: ChunkedOptions = {},
): Framing {
  const { maxParts = 1024, onTooLong = "close" } = options;
  checkInteger("maxParts", maxParts, [1, 2 ** 32]);
  checkOneOf("onTooLong", onTooLong, ["close", "skip"]);
  const kept = rule.keepHeader ? rule.headerLength : 0;
  const most = maxParts * rule.partLength - (rule.fullContinues ? 1 : 0) + kept;
  const range = [kept, Math.min(most, Number.MAX_SAFE_INTEGER)] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const skip = onTooLong === "skip";
  // Messages that never fill a part need no frames for full ones.
  const part = Math.min(rule.partLength, limit - kept);
  if (inner.maxFrameLength - rule.headerLength < part) {
    throw new RangeError(
      `Cannot carry parts of ${part} bytes in frames of ${inner.maxFrameLength}: raise the inner 'maxFrameLength' or lower 'partLength'`,
    );
  }
  const form: ChunkedForm = { inner, rule, maxParts, limit, range, skip };
  return {
    maxFrameLength: limit,
    decoder: () => new ChunkedDecoder(form),
    encoder: () => new ChunkedEncoder(form),
  };
}
