/**
 * Lines of text, as bytes.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { delimited, type DelimitedOptions } from "./delimited.ts";
import { checkOneOf } from "../decode/option_checks.ts";

/** Options of {@linkcode lines}. */
export interface LinesOptions extends DelimitedOptions {
  /**
   * What ends a line. `"any"` takes LF and CRLF, and writes LF. Where peers
   * disagree about what a line is, one smuggles lines past another: protocols
   * that say CRLF (SMTP, RFC 5321, 2.3.8) should say `"crlf"` here.
   *
   * @default {"any"}
   */
  newline?: "any" | "lf" | "crlf";
}

const NEWLINES = { any: ["\n", "\r\n"], lf: "\n", crlf: "\r\n" } as const;

/**
 * Lines, without what ends them unless `keepDelimiter` is set. A line without
 * its end at the end of the stream is an error, and `rest()` has it.
 *
 * ```text
 * ┌──────┬────┬──────┬───────┐
 * │ line │ LF │ line │ CR LF │
 * └──────┴────┴──────┴───────┘
 * ```
 *
 * @example Both kinds of line
 * ```ts
 * import { lines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = lines({ maxFrameLength: 1000 }).decoder();
 * decoder.push(new TextEncoder().encode("one\r\ntwo\n"));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), "one");
 * assertEquals(text.decode(decoder.next()), "two");
 * ```
 *
 * @throws {RangeError} if the limit is out of range
 */
export function lines(options: LinesOptions = {}): Framing {
  const { newline = "any", ...rest } = options;
  checkOneOf("newline", newline, ["any", "lf", "crlf"]);
  return delimited(NEWLINES[newline], rest);
}
