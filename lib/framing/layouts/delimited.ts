/**
 * Frames that end with a delimiter.
 *
 * @module
 */
import type { FrameEncoder, Framing, InPlaceFraming } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { DelimiterSearch } from "../decode/delimiter_search.ts";
import {
  checkPayloadLength,
  checkRoom,
  refusePayload,
} from "../decode/payload_checks.ts";
import { TerminatedLayout } from "../decode/layout.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";

/** A byte string that ends frames; a string stands for its UTF-8 bytes. */
export type Delimiter = string | Uint8Array;

/** Options of {@linkcode delimited}. */
export interface DelimitedOptions {
  /**
   * Keeps the delimiter: `next()` gives it with the frame, and `encode()` takes
   * frames that end with one.
   *
   * @default {false}
   */
  keepDelimiter?: boolean;
  /**
   * The most bytes of payload in a frame, both ways; the delimiter does not
   * count, kept or not.
   *
   * @default {4194304}
   */
  maxFrameLength?: number;
  /**
   * What to do with a frame that is too long: throw, or count it and go on
   * behind its delimiter.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

interface DelimitedForm {
  readonly delimiters: readonly Uint8Array[];
  readonly keep: boolean;
  readonly limit: number;
}

/** Far more than anybody needs; it bounds the work for each byte. */
const MAX_DELIMITERS = 16;
const MAX_DELIMITER_LENGTH = 64;
const RANGE = [0, Number.MAX_SAFE_INTEGER - MAX_DELIMITER_LENGTH] as const;

/**
 * Frames that end with a delimiter, which no frame may contain.
 *
 * ```text
 * ┌─────────┬───────────┐
 * │ payload │ delimiter │
 * └─────────┴───────────┘
 * ```
 *
 * The first delimiter of the stream ends the frame; where two begin at the same
 * place, the one listed first does. The encoder writes the first. Bytes without
 * a delimiter at the end of the stream are an error, and `rest()` has them.
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
 * @param delimiter one delimiter, or several, each of 1 to 64 bytes
 * @throws {RangeError} if there is no delimiter, an empty one, or a limit out of
 * range
 * @throws {TypeError} if a delimiter could never match, as one listed before it
 * is its beginning
 */
export function delimited(
  delimiter: Delimiter | readonly Delimiter[],
  options: DelimitedOptions = {},
): Framing {
  const { keepDelimiter = false, onTooLong = "close" } = options;
  checkOneOf("onTooLong", onTooLong, ["close", "skip"]);
  const form: DelimitedForm = {
    delimiters: resolveDelimiters(delimiter),
    keep: keepDelimiter,
    limit: resolveLimit(options.maxFrameLength, RANGE),
  };
  return {
    maxFrameLength: form.limit,
    decoder: () => new FrameAssembler(new DelimitedLayout(form), onTooLong),
    encoder: () => new DelimitedEncoder(form),
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
    typeof one === "string" ? new TextEncoder().encode(one) : one.slice()
  );
  delimiters.forEach((one, index) => {
    checkInteger("delimiter.length", one.length, [1, MAX_DELIMITER_LENGTH]);
    const before = delimiters.slice(0, index).findIndex((earlier) =>
      earlier.every((byte, i) => one[i] === byte)
    );
    if (before >= 0) {
      throw new TypeError(
        `Cannot use delimiter ${index} as it begins with delimiter ${before} and would never match: list the longer one first`,
      );
    }
  });
  return delimiters;
}

class DelimitedLayout extends TerminatedLayout {
  protected readonly emptyFrames = true;
  readonly #search: DelimiterSearch;
  readonly #keep: boolean;

  constructor(form: DelimitedForm) {
    super(form.limit, RANGE);
    this.#search = new DelimiterSearch(form.delimiters);
    this.#keep = form.keep;
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

  protected unwrap(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start, this.#keep ? end : end - this.#search.matched);
  }
}

class DelimitedEncoder implements FrameEncoder, InPlaceFraming {
  readonly headroom = 0;
  readonly tailroom: number;
  readonly #form: DelimitedForm;
  readonly #search: DelimiterSearch;

  constructor(form: DelimitedForm) {
    this.#form = form;
    this.#search = new DelimiterSearch(form.delimiters);
    this.tailroom = form.keep ? 0 : form.delimiters[0]!.length;
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
    const { keep, delimiters, limit } = this.#form;
    const frameEnd = payloadEnd + this.tailroom;
    checkRoom(target, frameStart, frameEnd - frameStart);
    if (!keep) target.set(delimiters[0]!, payloadEnd);
    // A payload's end and the delimiter may spell an earlier delimiter.
    const found = this.#search.find(target, frameStart, frameEnd);
    const whole = keep
      ? found >= 0 && found + this.#search.matched === frameEnd
      : found === payloadEnd;
    if (!whole) {
      refusePayload(
        keep
          ? "it must end with a delimiter and contain no other"
          : "it contains a delimiter, or makes one with the delimiter behind it",
      );
    }
    checkPayloadLength(found - frameStart, 0, limit);
    return frameEnd;
  }

  #checkLength(length: number): void {
    const { keep, limit } = this.#form;
    const most = keep ? limit + MAX_DELIMITER_LENGTH : limit;
    checkPayloadLength(length, 0, most);
  }
}
