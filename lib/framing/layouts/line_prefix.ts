/**
 * Prefixes that are lines of text.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { checkInteger, checkOneOf } from "../decode/option_checks.ts";
import { MAX_PREFIX_LENGTH, type Prefix } from "./prefix.ts";

const OPTIONS: OptionNames<NonNullable<Parameters<typeof linePrefix>[1]>> = {
  maxLength: true,
  newline: true,
};

const LF = 10;
const CR = 13;
// A byte order mark is a part of the line.
const UTF8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Creates a prefix for {@linkcode prefixed} that is a line of text.
 *
 * A line is a whole frame, or it declares a payload, which ends with another line
 * ending. Redis, NATS, memcached and beanstalkd have such frames.
 *
 * ```text
 * ┌──────┬───────┐  ┌─────────────────────────────┬───────┬─────────┬───────┐
 * │ line │ CR LF │  │ line that declares a length │ CR LF │ payload │ CR LF │
 * └──────┴───────┘  └─────────────────────────────┴───────┴─────────┴───────┘
 * ```
 *
 * @example Read lines, and values with a length
 * ```ts
 * import { prefixed } from "@lengthwise/lengthwise/framing";
 * import { linePrefix } from "@lengthwise/lengthwise/framing/presets";
 * import { assertEquals } from "@std/assert";
 *
 * const memcached = prefixed(
 *   linePrefix((line) => {
 *     const length = /^VALUE \S+ \d+ (\d+)/.exec(line)?.[1];
 *     return length === undefined ? undefined : Number(length);
 *   }),
 *   { keepHeader: true },
 * );
 *
 * const decoder = memcached.decoder();
 * decoder.push(new TextEncoder().encode("VALUE a 0 3\r\none\r\nEND\r\n"));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), "VALUE a 0 3\r\none\r\n");
 * assertEquals(text.decode(decoder.next()), "END\r\n");
 * ```
 *
 * @param payloadLength returns the length in bytes of the payload that a line
 * declares, or `undefined` if the line is the whole frame. It gets the line as
 * UTF-8 text without its ending. If it throws, the decoder throws a `FrameError`
 * with the code `"bad-prefix"`, whose message includes the exception's.
 * @param options `maxLength`: the longest line in bytes, with its ending, by default
 * 65,536. `newline`: the line ending, which also follows a payload, by default
 * `"crlf"`: a line that contains CR or LF elsewhere is not valid. `"any"` accepts LF
 * and CRLF, and each payload ends as its line does.
 * @throws {RangeError} if `maxLength` is not from 1 to 1 MiB
 * @throws {TypeError} if an option is unknown, `newline` is not a valid value, or
 * `payloadLength` is not a function
 *
 * @category Length prefixes
 */
export function linePrefix(
  payloadLength: (line: string) => number | undefined,
  options: {
    readonly maxLength?: number | undefined;
    readonly newline?: "crlf" | "any" | undefined;
  } = {},
): Omit<Prefix, "write"> {
  checkOptions("linePrefix()", options, OPTIONS);
  const { maxLength = 65_536, newline = "crlf" } = options;
  checkInteger("maxLength", maxLength, [1, MAX_PREFIX_LENGTH]);
  checkOneOf("newline", newline, ["crlf", "any"]);
  if (typeof payloadLength !== "function") {
    throw new TypeError(
      `Cannot make a prefix as 'payloadLength' must be a function: current value is ${payloadLength}`,
    );
  }
  return {
    maxLength,
    read(bytes, seen) {
      const end = bytes.indexOf(LF, seen) + 1;
      if (end === 0) return undefined;
      const hasCr = bytes[end - 2] === CR;
      const line = UTF8.decode(bytes.subarray(0, end - (hasCr ? 2 : 1)));
      if (newline === "crlf" && (!hasCr || line.includes("\r"))) {
        throw new Error("its line must end with CR LF and contain neither");
      }
      const length = payloadLength(line);
      return length === undefined
        ? [end, 0]
        : [end, length, hasCr ? "\r\n" : "\n"];
    },
  };
}
