/**
 * Frames that end with a delimiter.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { FrameEncoder, Framing, InPlaceFraming } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { Delimiters, DelimiterSearch } from "../decode/delimiter_search.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";
import { LimitedEncoder } from "./limited_encoder.ts";
import { TerminatedLayout } from "../decode/layout.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";

/**
 * Bytes that end a frame. A string means its UTF-8 bytes.
 *
 * @category Framing
 */
export type Delimiter = string | Uint8Array;

/**
 * Options for {@linkcode delimited}.
 *
 * @category Framing
 */
export interface DelimitedOptions {
  /**
   * Whether frames keep their delimiter: `next()` returns frames with it, and
   * `encode()` takes frames that end with one.
   *
   * @default {false}
   */
  keepDelimiter?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The delimiter does not
   * count, whether or not it is kept.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame over the limit: `"close"` throws; `"skip"` counts it
   * in `skipped` and continues after its delimiter.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

const DELIMITED_OPTIONS: OptionNames<DelimitedOptions> = {
  keepDelimiter: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

/** The resolved options for `delimited` and `lines`. */
interface DelimitedConfig {
  readonly delimiters: Delimiters;
  readonly keep: boolean;
  /** Whether the end of the stream ends a frame. */
  readonly endDelimits: boolean;
  readonly limit: number;
}

/**
 * Maximum number of delimiters. It limits the work for each byte, and is far
 * more than protocols need.
 */
const MAX_DELIMITERS = 16;
/** Maximum length of a delimiter; far more than the 74 bytes of MIME. */
const MAX_DELIMITER_LENGTH = 64 * 1024;
/**
 * Maximum number of bytes of a delimiter after another one in it. The search
 * compares them to choose between the two, and again for the next frame.
 */
const MAX_DELIMITER_REST = 64;
const RANGE = [0, Number.MAX_SAFE_INTEGER - MAX_DELIMITER_LENGTH] as const;

/**
 * Creates a framing whose frames end with a delimiter. No payload may contain a
 * delimiter.
 *
 * ```text
 * ┌─────────┬───────────┐
 * │ payload │ delimiter │
 * └─────────┴───────────┘
 * ```
 *
 * A frame ends at the first delimiter in the stream; if two match at the same
 * offset, the one listed first wins. Therefore, a frame whose delimiter is the
 * beginning of a longer one is returned with the byte after it, or after
 * `end()`. The encoder writes the first delimiter of the list. If the stream
 * ends without a delimiter, `end()` throws, and `rest()` returns the remaining
 * bytes.
 *
 * The search takes time proportional to the bytes received, whatever they are.
 * If a delimiter contains another one, it may continue for at most 64 bytes
 * after it.
 *
 * @example Records that end with a zero byte
 * ```ts
 * import { delimited } from "@lengthwise/lengthwise/framing";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const framing = delimited("\0");
 * const decoder = framing.decoder();
 * decoder.push(new TextEncoder().encode("one\0two\0"));
 * assertEquals(new TextDecoder().decode(decoder.next()), "one");
 * assertEquals(new TextDecoder().decode(decoder.next()), "two");
 *
 * const encoder = framing.encoder();
 * assertThrows(() => encoder.encode(new Uint8Array([1, 0, 2])));
 * ```
 *
 * @example Parts of a MIME message, whose boundary is chosen by its sender
 * ```ts
 * import { delimited } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const boundary = "b".repeat(70);
 * const decoder = delimited(`\r\n--${boundary}`).decoder();
 * decoder.push(new TextEncoder().encode(
 *   `\r\n--${boundary}\r\n\r\none\r\n--${boundary}--`,
 * ));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), ""); // before the first part
 * assertEquals(text.decode(decoder.next()), "\r\n\r\none");
 * assertEquals(text.decode(decoder.rest()), "--"); // no more parts
 * ```
 *
 * @param delimiter one delimiter or a list of 1 to 16, each of 1 byte to 64 KiB
 * @throws {RangeError} if the number of delimiters, the length of one,
 * `maxFrameLength`, or the length after a contained delimiter is out of range
 * @throws {TypeError} if an option is unknown, or a delimiter can never match
 * because it begins with one listed earlier
 *
 * @category Other layouts
 */
export function delimited(
  delimiter: Delimiter | readonly Delimiter[],
  options: DelimitedOptions = {},
): Framing {
  checkOptions("delimited()", options, DELIMITED_OPTIONS);
  return delimitedBy(resolveDelimiters(delimiter), options, false);
}

/**
 * Creates the framings of `delimited()` and `lines()`.
 *
 * @param endDelimits whether the end of the stream ends a frame
 */
export function delimitedBy(
  delimiters: readonly Uint8Array[],
  options: DelimitedOptions,
  endDelimits: boolean,
): Framing {
  const { keepDelimiter = false, onTooLarge = "close" } = options;
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const config: DelimitedConfig = {
    delimiters: new Delimiters(delimiters),
    keep: keepDelimiter,
    endDelimits,
    limit: resolveLimit(options.maxFrameLength, RANGE),
  };
  return {
    maxFrameLength: config.limit,
    decoder: () => new FrameAssembler(new DelimitedLayout(config), onTooLarge),
    encoder: () => new DelimitedEncoder(config),
  };
}

function resolveDelimiters(
  given: Delimiter | readonly Delimiter[],
): readonly Uint8Array[] {
  const list = typeof given === "string" || given instanceof Uint8Array
    ? [given]
    : given;
  checkInteger("delimiters.length", list.length, [1, MAX_DELIMITERS]);
  const delimiters = list.map((one) =>
    typeof one === "string"
      ? new TextEncoder().encode(one)
      : new Uint8Array(one)
  );
  delimiters.forEach((one, index) => {
    checkInteger("delimiter.length", one.length, [1, MAX_DELIMITER_LENGTH]);
    const before = delimiters.slice(0, index).findIndex((earlier) =>
      earlier.every((byte, i) => one[i] === byte)
    );
    if (before >= 0) {
      throw new TypeError(
        `Cannot use delimiter ${index}: it begins with delimiter ${before} and can never match; list the longer one first`,
      );
    }
  });
  checkNesting(delimiters);
  return delimiters;
}

/** Rejects a delimiter that continues too long after another one in it. */
function checkNesting(delimiters: readonly Uint8Array[]): void {
  delimiters.forEach((inner, i) => {
    const search = new DelimiterSearch(new Delimiters([inner]));
    delimiters.forEach((outer, o) => {
      const at = i === o ? -1 : search.find(outer, 0, outer.length, true);
      const rest = outer.length - at - inner.length;
      if (at === -1 || rest <= MAX_DELIMITER_REST) return;
      throw new RangeError(
        `Cannot use delimiter ${o}: it contains delimiter ${i} and continues for ${rest} bytes after it; expected at most ${MAX_DELIMITER_REST}`,
      );
    });
  });
}

class DelimitedLayout extends TerminatedLayout {
  protected readonly emptyFrames = true;
  readonly #search: DelimiterSearch;
  readonly #keep: boolean;
  readonly #endDelimits: boolean;

  constructor(config: DelimitedConfig) {
    super(config.limit, RANGE);
    this.#search = new DelimiterSearch(config.delimiters);
    this.#keep = config.keep;
    this.#endDelimits = config.endDelimits;
  }

  override get endCompletes(): boolean {
    return this.#endDelimits;
  }

  protected get terminator(): number {
    return this.#search.matched;
  }

  protected get maxEncoded(): number {
    return this.limit;
  }

  protected find(bytes: Uint8Array, start: number, end: number): number {
    const found = this.#search.find(bytes, start + this.searched, end);
    if (found >= 0) return found - start;
    this.searched = this.#search.resume - start;
    return -1;
  }

  protected override findLast(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const found = this.#search.find(bytes, start + this.searched, end, true);
    if (found >= 0) return found - start;
    if (!this.#endDelimits) return -1;
    this.#search.matched = 0;
    return end - start;
  }

  protected unwrap(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start, this.#keep ? end : end - this.#search.matched);
  }
}

class DelimitedEncoder extends LimitedEncoder
  implements FrameEncoder, InPlaceFraming {
  readonly headroom = 0;
  readonly tailroom: number;
  readonly #config: DelimitedConfig;
  readonly #search: DelimiterSearch;

  constructor(config: DelimitedConfig) {
    super(config.limit, RANGE);
    this.#config = config;
    this.#search = new DelimiterSearch(config.delimiters);
    this.tailroom = config.keep ? 0 : config.delimiters.list[0]!.length;
  }

  get inPlace(): InPlaceFraming {
    return this;
  }

  maxEncodedLength(payloadLength: number): number {
    return payloadLength + this.tailroom;
  }

  encode(payload: Uint8Array): Uint8Array {
    this.#checkLength(payload.length);
    const frame = new Uint8Array(this.maxEncodedLength(payload.length));
    this.encodeInto(payload, frame, 0);
    return frame;
  }

  encodeInto(payload: Uint8Array, target: Uint8Array, offset: number): number {
    this.#checkLength(payload.length);
    checkRoom(target, offset, this.maxEncodedLength(payload.length));
    target.set(payload, offset);
    return this.seal(target, offset, offset + payload.length);
  }

  seal(target: Uint8Array, frameStart: number, payloadEnd: number): number {
    this.#checkLength(payloadEnd - frameStart);
    const { keep, delimiters } = this.#config;
    const { limit } = this;
    const frameEnd = payloadEnd + this.tailroom;
    checkRoom(target, frameStart, frameEnd - frameStart);
    if (!keep) target.set(delimiters.list[0]!, payloadEnd);
    // The payload's last bytes and the delimiter may together form a delimiter.
    this.#search.reset(); // an earlier payload may have ended inside a delimiter
    const found = this.#search.find(target, frameStart, frameEnd);
    const whole = keep
      ? found >= 0 && found + this.#search.matched === frameEnd
      : found === payloadEnd;
    if (!whole) {
      refusePayload(
        keep
          ? "it must end with a delimiter and contain no other"
          : "it contains a delimiter, or its last bytes form one with the delimiter after it",
      );
    }
    checkPayloadLength(found - frameStart, 0, limit);
    return frameEnd;
  }

  #checkLength(length: number): void {
    const { limit } = this;
    const { keep, delimiters } = this.#config;
    const tooLong = keep ? limit + delimiters.longest : limit;
    // A kept delimiter does not count; seal() knows its length.
    if (length > tooLong) checkPayloadLength(length, 0, limit);
  }
}
