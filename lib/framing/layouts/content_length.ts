/**
 * Frames with `Content-Length` headers. The Language Server Protocol and the
 * Debug Adapter Protocol use such frames.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { Delimiters, DelimiterSearch } from "../decode/delimiter_search.ts";
import { Layout } from "../decode/layout.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import { PrefixEncoder } from "./prefix_encoder.ts";
import { WholeFrameEncoder } from "./whole_frame_encoder.ts";

/**
 * Options for {@linkcode contentLength}.
 *
 * @category Framing
 */
export interface ContentLengthOptions {
  /**
   * Maximum length in bytes of a header block, including the empty line.
   *
   * @default {4096}
   */
  maxHeaderLength?: number | undefined;
  /**
   * Whether frames keep their header block: `next()` returns whole frames, and
   * `encode()` takes whole frames and rejects one whose length is wrong.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The header block
   * counts if it is kept.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame over the limit: `"close"` throws; `"skip"` counts it
   * in `skipped` and continues with the next frame.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const CONTENT_LENGTH_OPTIONS: OptionNames<ContentLengthOptions> = {
  maxHeaderLength: true,
  keepHeader: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

const LATIN1 = new TextDecoder("latin1");
const END_OF_HEADERS = new TextEncoder().encode("\r\n\r\n");
const DELIMITERS = new Delimiters([END_OF_HEADERS]);
const MAX_HEADER_LENGTH = 1024 * 1024;
const RANGE = [0, Number.MAX_SAFE_INTEGER - MAX_HEADER_LENGTH] as const;
/** The shortest header block is `Content-Length:0` and an empty line. */
const KEPT_RANGE = [20, Number.MAX_SAFE_INTEGER] as const;
/** RFC 9110, 5.1: a field name is a token. */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/s;
/** No sign, no fraction, no exponent; 2^53 has 16 digits. */
const LENGTH = /^[0-9]{1,16}$/;

/**
 * Creates a framing with a header block that contains `Content-Length`.
 *
 * ```text
 * ┌────────────────────────┬───────┬────────────────┬───────┬─────────┐
 * │ Content-Length: digits │ CR LF │ other: headers │ CR LF │         │
 * ├────────────────────────┴───────┴────────────────┴───────┤ payload │
 * │ CR LF                                                   │         │
 * └─────────────────────────────────────────────────────────┴─────────┘
 * ```
 *
 * Header names are case-insensitive, and other headers are ignored. A length
 * that is missing, repeated or not all digits is an error.
 *
 * @example Encode and decode a Language Server Protocol message
 * ```ts
 * import { contentLength } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const wire = contentLength().encoder().encode(new TextEncoder().encode("{}"));
 * assertEquals(new TextDecoder().decode(wire), "Content-Length: 2\r\n\r\n{}");
 *
 * const decoder = contentLength().decoder();
 * decoder.push(wire);
 * assertEquals(new TextDecoder().decode(decoder.next()), "{}");
 * ```
 *
 * @throws {RangeError} if a limit is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function contentLength(options: ContentLengthOptions = {}): Framing {
  checkOptions("contentLength()", options, CONTENT_LENGTH_OPTIONS);
  const { maxHeaderLength = 4096, keepHeader = false, onTooLarge = "close" } =
    options;
  checkInteger("maxHeaderLength", maxHeaderLength, [64, MAX_HEADER_LENGTH]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const range = keepHeader ? KEPT_RANGE : RANGE;
  const limit = resolveLimit(options.maxFrameLength, range);
  const layout = () =>
    new ContentLengthLayout(limit, range, maxHeaderLength, keepHeader);
  return {
    maxFrameLength: limit,
    decoder: () => new FrameAssembler(layout(), onTooLarge),
    encoder: () =>
      keepHeader
        ? new WholeFrameEncoder(layout)
        : new PrefixEncoder({ limit, range, prefixLength, writePrefix }),
  };
}

function prefixOf(length: number): string {
  return `Content-Length: ${length}\r\n\r\n`;
}

function prefixLength(length: number): number {
  return prefixOf(length).length;
}

function writePrefix(target: Uint8Array, at: number, length: number): void {
  const prefix = prefixOf(length);
  for (let i = 0; i < prefix.length; i++) target[at + i] = prefix.charCodeAt(i);
}

class ContentLengthLayout extends Layout {
  readonly #search = new DelimiterSearch(DELIMITERS);
  readonly #maxHeader: number;
  readonly #keep: boolean;
  #searched = 0;

  constructor(
    limit: number,
    range: readonly [min: number, max: number],
    maxHeader: number,
    keep: boolean,
  ) {
    super(limit, range);
    this.#maxHeader = maxHeader;
    this.#keep = keep;
  }

  override get greedy(): boolean {
    return true;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    this.declared = undefined;
    const found = this.#search.find(bytes, start + this.#searched, end);
    const header = found - start + END_OF_HEADERS.length;
    this.#searched = found < 0 ? this.#search.resume - start : 0;
    if (
      header > this.#maxHeader ||
      this.#searched > this.#maxHeader - END_OF_HEADERS.length
    ) {
      return this.#refuseHeader(
        `its headers do not end within ${this.#maxHeader} bytes`,
      );
    }
    if (found < 0) return -(end - start + 1);
    return this.#parse(view(bytes, start, found), header);
  }

  #refuseHeader(detail: string): 0 {
    return this.refuse({ code: "bad-header", detail });
  }

  #parse(block: Uint8Array, header: number): number {
    let declared: number | undefined;
    for (const line of LATIN1.decode(block).split("\r\n")) {
      const [, name, value] = HEADER.exec(line) ?? [];
      if (name === undefined || value === undefined || /[\r\n\0]/.test(value)) {
        return this.#refuseHeader(
          `'${printable(line)}' is not a header of the form 'name: value'`,
        );
      }
      if (name.toLowerCase() !== "content-length") continue;
      if (declared !== undefined || !LENGTH.test(value)) {
        return this.#refuseHeader(
          declared === undefined
            ? `Content-Length '${
              printable(value)
            }' is not 1 to 16 decimal digits`
            : "its headers contain Content-Length twice",
        );
      }
      declared = Number(value);
    }
    return this.#check(declared, header);
  }

  #check(declared: number | undefined, header: number): number {
    if (declared === undefined) {
      return this.#refuseHeader("its headers have no Content-Length");
    }
    const total = header + declared;
    const payload = this.declared = this.#keep ? total : declared;
    return payload > this.limit ? this.refuseLong(payload, total) : total;
  }

  override open(bytes: Uint8Array, _start: number, end: number): Uint8Array {
    return view(bytes, end - this.declared!, end);
  }
}

/** Returns at most 40 characters of printable ASCII, for an error message. */
function printable(text: string): string {
  return text.slice(0, 40).replace(/[^\x20-\x7e]/g, "?");
}
