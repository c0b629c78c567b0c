/**
 * Lines of text as bytes.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { delimitedBy, type DelimitedOptions } from "./delimited.ts";
import { checkOneOf } from "../decode/option_checks.ts";

/**
 * Options for {@linkcode lines}.
 *
 * @category Framing
 */
export interface LinesOptions extends DelimitedOptions {
  /**
   * The line ending. `"any"` accepts LF and CRLF and writes LF. If peers disagree
   * about line endings, an attacker can smuggle lines past one of them. Use
   * `"crlf"` for protocols that require CRLF (such as SMTP: RFC 5321, 2.3.8).
   *
   * @default {"any"}
   */
  newline?: "any" | "lf" | "crlf" | undefined;
  /**
   * Whether the last line may lack its line ending. If so, `next()` returns it
   * after `end()`. Otherwise the stream was cut and `end()` throws, so that a
   * command is never executed by half.
   *
   * @default {false}
   */
  finalLine?: boolean | undefined;
}

const LINES_OPTIONS: OptionNames<LinesOptions> = {
  newline: true,
  finalLine: "flag",
  keepDelimiter: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

const LF = new Uint8Array([10]);
const CRLF = new Uint8Array([13, 10]);
const NEWLINES = { any: [LF, CRLF], lf: [LF], crlf: [CRLF] };

/**
 * Creates a framing of lines. Frames exclude the line ending unless
 * `keepDelimiter` is set. If the stream ends inside a line, `end()` throws, and
 * `rest()` returns the remaining bytes; with `finalLine`, they are the last line.
 *
 * ```text
 * ┌──────┬────┬──────┬───────┐
 * │ line │ LF │ line │ CR LF │
 * └──────┴────┴──────┴───────┘
 * ```
 *
 * @example Read lines with either ending
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
 * @example Read a file whose last line has no line ending
 * ```ts
 * import { lines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const decoder = lines({ finalLine: true }).decoder();
 * decoder.push(new TextEncoder().encode("one\ntwo"));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), "one");
 * assertEquals(decoder.next(), undefined);
 * decoder.end();
 * assertEquals(text.decode(decoder.next()), "two");
 * assertEquals(decoder.next(), undefined);
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function lines(options: LinesOptions = {}): Framing {
  checkOptions("lines()", options, LINES_OPTIONS);
  const { newline = "any", finalLine = false } = options;
  checkOneOf("newline", newline, ["any", "lf", "crlf"]);
  return delimitedBy(NEWLINES[newline], options, finalLine);
}
