/**
 * Checks a MessagePack body before decoding, in one pass without recursion.
 *
 * Only bodies that decode to plain data within the limits pass. The decoder
 * itself also supports records, references, errors, regular expressions and
 * more, which a peer must not be able to use.
 *
 * Source of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * @module
 */
import { CodecError, type CodecErrorCode } from "./errors.ts";
import { endOfAscii, isUtf8, spells } from "./utf8.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

/** A string whose leading byte order mark the decoder would drop. */
export interface MarkedString {
  /** Offset of its first header byte. */
  readonly header: number;
  /** Offset of its text. */
  readonly start: number;
  /** Offset after its text. */
  readonly end: number;
}

/** The forms of value that a lead byte can begin. */
const PLAIN = 0, BIN = 1, EXT = 2, STR = 3, ARRAY = 4, MAP = 5;

/** The form of each lead byte from 0xc0 to 0xdf. */
// deno-fmt-ignore
const FOLLOWS = Uint8Array.of(
  PLAIN, PLAIN, PLAIN, PLAIN, BIN, BIN, BIN, EXT, EXT, EXT, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,
  PLAIN, PLAIN, PLAIN, PLAIN, EXT, EXT, EXT, EXT, EXT, STR, STR, STR, ARRAY, ARRAY, MAP, MAP,
);
/**
 * Size in bytes of the number or length after each lead byte. For fixext, the
 * negated length of the payload.
 */
// deno-fmt-ignore
const SIZES = Int8Array.of(
  0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 4, 8, 1, 2, 4, 8,
  1, 2, 4, 8, -1, -2, -4, -8, -16, 1, 2, 4, 2, 4, 2, 4,
);
const NEVER_USED = 0xc1, UINT64 = 0xcf, INT64 = 0xd3;

const EXT_UNDEFINED = 0, EXT_TIMESTAMP = 0xff;
/** Maximum length of strings that msgpackr decodes without a `TextDecoder`. */
const LONGEST_SHORT_STRING = 64;
/** Seconds that a `Date` covers in each direction (ECMA-262, 21.4.1.1). */
const MAX_SECONDS = 8_640_000_000_000;
const PROTO = new TextEncoder().encode("__proto__");
const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

/** Scanner that checks bodies against the limits. */
export class MsgpackScanner {
  readonly #limits: ResolvedCodecLimits;
  readonly #safeInt64: boolean;
  /**
   * For each open container: twice the number of items left, plus 1 for a map.
   */
  readonly #open: Int32Array;
  #bytes: Uint8Array = PROTO;
  #marked: MarkedString[] | undefined;

  /**
   * @param limits the limits of a message
   * @param safeInt64 whether 64-bit integers must be exact as numbers
   */
  constructor(limits: ResolvedCodecLimits, safeInt64: boolean) {
    this.#limits = limits;
    this.#safeInt64 = safeInt64;
    this.#open = new Int32Array(limits.maxDepth);
  }

  /**
   * Checks one body.
   *
   * @returns the strings whose byte order mark the decoder would drop, if any
   * @throws {CodecError} if the body is not exactly one well-formed value within
   * the limits
   */
  scan(bytes: Uint8Array): MarkedString[] | undefined {
    this.#bytes = bytes;
    this.#marked = undefined;
    const end = this.#walk(bytes, bytes.length);
    if (end < bytes.length) throw this.#trailing(end);
    this.#bytes = PROTO;
    return this.#marked;
  }

  /**
   * Returns the offset after the first value.
   *
   * The method is a single loop over local variables, with the most common forms
   * first, because a version that was split into methods took twice as long.
   */
  #walk(bytes: Uint8Array, end: number): number {
    const { maxDepth, maxNodes, maxBytes } = this.#limits;
    const open = this.#open;
    let at = 0, depth = 0, nodes = 1, text = 0, left = 1, isMap = 0;
    for (;;) {
      while (left === 0) {
        if (depth === 0) return at;
        left = open[--depth]!;
        isMap = left & 1;
        left >>= 1;
      }
      if (at >= end) throw this.#truncated(at);
      const lead = bytes[at]!;
      // Before a key, a map has an even number of items left.
      const isKey = (isMap & ~left--) === 1;
      let kind = STR, start = at + 1, length = lead & 0x1f;
      if (lead < 0xa0 || lead >= 0xc0) {
        if (isKey && (lead < 0xd9 || lead > 0xdb)) throw this.#badKey(at);
        if (lead < 0x80 || lead >= 0xe0) {
          at = start;
          continue;
        }
        if (lead < 0xa0) {
          kind = lead < 0x90 ? MAP : ARRAY;
          length = lead & 0x0f;
        } else {
          kind = FOLLOWS[lead - 0xc0]!;
          const size = SIZES[lead - 0xc0]!;
          if (start + size > end) throw this.#truncated(at);
          if (kind === PLAIN) {
            if (size === 0 || size === 8) this.#plain(at, lead);
            at = start + size;
            continue;
          }
          length = size < 0 ? -size : lengthAt(bytes, start, size);
          if (size > 0) start += size;
        }
        if (kind >= ARRAY) {
          const items = kind === MAP ? length * 2 : length;
          if (items > end - start) throw this.#truncated(at);
          nodes += items;
          if (nodes > maxNodes) throw this.#over("maxNodes", at, nodes);
          if (depth === maxDepth) throw this.#over("maxDepth", at, depth + 1);
          open[depth++] = left * 2 + isMap;
          left = items;
          isMap = kind === MAP ? 1 : 0;
          at = start;
          continue;
        }
      }
      const next = start + length;
      if (next > end) throw this.#truncated(at);
      if (kind === EXT) {
        at = this.#extension(at, start, length);
        continue;
      }
      if ((text += length) > maxBytes) throw this.#over("maxBytes", at, text);
      if (kind === STR) this.#string(at, start, next, isKey);
      at = next;
    }
  }

  /** Rejects byte 0xc1 and, if `safeInt64` is set, inexact 64-bit integers. */
  #plain(at: number, lead: number): void {
    if (lead === NEVER_USED) {
      const what = "byte 0xc1 is never used in MessagePack";
      throw this.#error("malformed", at, what);
    }
    if (this.#safeInt64 && (lead === UINT64 || lead === INT64)) {
      this.#int64(at, lead);
    }
  }

  #string(at: number, start: number, end: number, isKey: boolean): void {
    const bytes = this.#bytes;
    const length = end - start;
    if (
      isKey && bytes[start] === 0x5f && length === PROTO.length &&
      spells(bytes, start, PROTO)
    ) {
      throw this.#error("key", at, "the key '__proto__' is not allowed");
    }
    const ascii = endOfAscii(bytes, start, end);
    if (ascii === end) return;
    if (!isUtf8(bytes, ascii, end)) {
      throw this.#error("malformed", at, "a string is not well-formed UTF-8");
    }
    if (length > LONGEST_SHORT_STRING && spells(bytes, start, MARK)) {
      (this.#marked ??= []).push({ header: at, start, end });
    }
  }

  #extension(at: number, start: number, length: number): number {
    const bytes = this.#bytes;
    const end = start + 1 + length;
    if (end > bytes.length) throw this.#truncated(at);
    const type = bytes[start]!;
    if (
      type === EXT_UNDEFINED && bytes[at] === 0xd4 && bytes[start + 1] === 0
    ) {
      return end;
    }
    if (type === EXT_TIMESTAMP) {
      this.#timestamp(at, start + 1, length);
      return end;
    }
    throw this.#error(
      "extension",
      at,
      `extension type ${
        type << 24 >> 24
      } of ${length} byte(s) is not allowed; expected 0 for undefined or -1 for timestamps`,
    );
  }

  /** Requires nanoseconds below 10^9 and seconds that a `Date` can hold. */
  #timestamp(at: number, start: number, length: number): void {
    if (length === 4) return;
    if (length !== 8 && length !== 12) {
      throw this.#error(
        "malformed",
        at,
        `a timestamp has ${length} bytes; expected 4, 8 or 12`,
      );
    }
    const view = this.#view(start, length);
    const nanoseconds = length === 8
      ? view.getUint32(0) >>> 2
      : view.getUint32(0);
    if (nanoseconds > 999_999_999) {
      throw this.#error(
        "range",
        at,
        `a timestamp has ${nanoseconds} nanoseconds; expected at most 999999999`,
      );
    }
    if (length === 8) return;
    const seconds = Number(view.getBigInt64(4));
    if (
      Math.abs(seconds) > MAX_SECONDS ||
      (seconds === MAX_SECONDS && nanoseconds > 0)
    ) {
      throw this.#error(
        "range",
        at,
        `a timestamp of ${seconds} s exceeds the range of a Date, ${MAX_SECONDS} s`,
      );
    }
  }

  /** Rejects 64-bit integers that a number cannot hold exactly. */
  #int64(at: number, lead: number): void {
    const high = this.#view(at + 1, 8).getInt32(0);
    // The upper half of 2^53 is 0x200000. For a uint64 of 2^63 or more, the
    // upper half reads as negative.
    if (high < 0x200000 && high >= (lead === INT64 ? -0x200000 : 0)) return;
    throw this.#error(
      "range",
      at,
      'a 64-bit integer beyond 2^53 is not exact as a number; use int64: "bigint" or "auto"',
    );
  }

  #view(start: number, length: number): DataView {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset + start, length);
  }

  #error(code: CodecErrorCode, offset: number, what: string): CodecError {
    return new CodecError(
      `Cannot decode as msgpack: ${what} (at byte ${offset})`,
      { code, offset },
    );
  }

  #truncated(offset: number): CodecError {
    return this.#error(
      "truncated",
      offset,
      `the body of ${this.#bytes.length} byte(s) ends inside the value`,
    );
  }

  #trailing(offset: number): CodecError {
    const found = this.#bytes.length - offset;
    return this.#error(
      "trailing",
      offset,
      `${found} byte(s) follow the value`,
    );
  }

  #badKey(offset: number): CodecError {
    const lead = this.#bytes[offset]!.toString(16).padStart(2, "0");
    return this.#error(
      "key",
      offset,
      `a map key begins with 0x${lead}; expected a string`,
    );
  }

  #over(
    limit: keyof ResolvedCodecLimits,
    offset: number,
    found: number,
  ): CodecError {
    const allowed = this.#limits[limit];
    return new CodecError(
      `Cannot decode as msgpack: '${limit}' allows ${allowed}, found ${found} (at byte ${offset})`,
      { code: "too-large", offset, limit, allowed, found },
    );
  }
}

/** Reads a length field of 1, 2 or 4 bytes, big-endian. */
function lengthAt(bytes: Uint8Array, start: number, size: number): number {
  if (size === 1) return bytes[start]!;
  const high = (bytes[start]! << 8) | bytes[start + 1]!;
  if (size === 2) return high;
  return high * 0x10000 + ((bytes[start + 2]! << 8) | bytes[start + 3]!);
}
