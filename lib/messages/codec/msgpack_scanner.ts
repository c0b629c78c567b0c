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
import { exceeded } from "./refusal.ts";
import { CodecError, type CodecErrorCode } from "./errors.ts";
import { endOfAscii, spells, utf16Length } from "./utf8.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";
import { indexAt } from "./index_keys.ts";
import { indexKeyTime, KeyTable } from "./key_table.ts";
import {
  allowedBytes,
  ARRAY,
  BARE_OBJECT,
  BIGINT,
  BINARY,
  BOXED,
  DATE,
  EMPTY_ARRAY,
  EMPTY_KEY,
  FEW_KEYS,
  grownListBytes,
  newKeyBytes,
  OBJECT,
  objectBytes,
  SLOT,
  tableBytes,
  textBytes,
  usualBytes,
} from "./held_bytes.ts";

/** The forms of value that a lead byte can begin. */
const PLAIN = 0, BIN = 1, EXT = 2, STR = 3, LIST = 4, MAP = 5;

/** The form of each lead byte from 0xc0 to 0xdf. */
// deno-fmt-ignore
const FOLLOWS = Uint8Array.of(
  PLAIN, PLAIN, PLAIN, PLAIN, BIN, BIN, BIN, EXT, EXT, EXT, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN,
  PLAIN, PLAIN, PLAIN, PLAIN, EXT, EXT, EXT, EXT, EXT, STR, STR, STR, LIST, LIST, MAP, MAP,
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
const NEVER_USED = 0xc1, UINT32 = 0xce, UINT64 = 0xcf, INT64 = 0xd3;
const FLOAT32 = 0xca, FLOAT64 = 0xcb;

const EXT_UNDEFINED = 0, EXT_TIMESTAMP = 0xff;
/** Maximum length of strings that msgpackr decodes without a `TextDecoder`. */
const LONGEST_SHORT_STRING = 64;
/** Seconds that a `Date` covers in each direction (ECMA-262, 21.4.1.1). */
const MAX_SECONDS = 8_640_000_000_000;
const PROTO = /* @__PURE__ */ new TextEncoder().encode("__proto__");
const MARK = Uint8Array.of(0xef, 0xbb, 0xbf);

/** Number of bytes of a body for each different key beyond `maxKeys`. */
const BYTES_PER_KEY = 22;
/** The same for keys and new hidden classes together. */
const BYTES_PER_CLASS = 9;
/** Time for a key that V8 also reads as an integer. */
const INTEGER = 2;
/** Number of keys that an object with a new class counts as. */
const SLOW_OBJECT = 6;
/** Number of keys that a sparse object of the reader counts as. */
const SLOW_SPARSE = 2;
/** Number of properties that msgpackr adds without a hash table. */
const FAST_KEYS = 17;

/** Scanner that checks bodies against the limits. */
export class MsgpackScanner {
  /** Heap bytes that the last body holds once it is decoded. */
  held = 0;

  readonly #limits: ResolvedCodecLimits;
  readonly #safeInt64: boolean;
  /**
   * For each open container: twice the number of items left, plus 1 for a map.
   */
  readonly #open: Int32Array;
  /** For each depth: the last step of a map's keys while a container in it is open. */
  readonly #step: Int32Array;
  /** For each depth: the number of known steps when the map began. */
  readonly #known: Int32Array;
  /** For each depth: bytes of the hash table of a map for each of its keys. */
  readonly #tableShare: Float64Array;
  /** For each depth: the number of the map's index keys, and the largest. */
  readonly #indexKeys: Int32Array;
  readonly #largest: Float64Array;
  /** For each depth: bytes of the list of index keys, as msgpackr grows it. */
  readonly #listBytes: Float64Array;
  readonly #table: KeyTable;
  /** The step after the last key; see `KeyTable`. */
  #stepAfter = 0;
  #bytes: Uint8Array = PROTO;
  #isMarked = false;
  /** Bytes for values that msgpackr and `MsgpackReader` decode differently. */
  #fast = 0;
  #frugal = 0;
  /** Number of objects with index keys. */
  #sparse = 0;
  /** Number of keys that the table counted. */
  #keys = 0;
  /** Time for the different keys; see `KeyTable`. */
  #interning = 0;

  /**
   * @param limits the limits of a message
   * @param safeInt64 whether 64-bit integers must be exact as numbers
   */
  constructor(limits: ResolvedCodecLimits, safeInt64: boolean) {
    const { maxDepth } = limits;
    this.#limits = limits;
    this.#safeInt64 = safeInt64;
    this.#open = new Int32Array(maxDepth);
    this.#step = new Int32Array(maxDepth + 1);
    this.#known = new Int32Array(maxDepth + 1);
    this.#tableShare = new Float64Array(maxDepth + 1);
    this.#indexKeys = new Int32Array(maxDepth + 1);
    this.#largest = new Float64Array(maxDepth + 1);
    this.#listBytes = new Float64Array(maxDepth + 1);
    this.#table = new KeyTable(maxDepth, FAST_KEYS, SLOW_OBJECT);
  }

  /**
   * Checks one body.
   *
   * @param maxHeld the maximum number of bytes held, if it is below the limit
   * @returns whether msgpackr decodes the body exactly and within the limits;
   * otherwise `MsgpackReader` does
   * @throws {CodecError} if the body is not exactly one well-formed value within
   * the limits
   */
  scan(bytes: Uint8Array, maxHeld = Infinity): boolean {
    this.#measure(bytes);
    const { length } = bytes;
    const allowed = Math.min(
      maxHeld,
      allowedBytes(length, this.#limits.maxHeld),
    );
    const usual = Math.min(allowed, usualBytes(length));
    // The reader is slower, but holds less.
    const isPlain = !this.#isMarked && this.held + this.#fast <= usual;
    this.held = Math.ceil(this.held + (isPlain ? this.#fast : this.#frugal));
    if (this.held > allowed) {
      throw this.#over("maxHeld", undefined, allowed, this.held);
    }
    const sparse = isPlain ? 0 : SLOW_SPARSE * this.#sparse;
    const keys = this.#keys + sparse;
    const most = this.#limits.maxKeys + Math.floor(length / BYTES_PER_CLASS);
    if (keys > most) throw this.#over("maxKeys", undefined, most, keys);
    const interned = Math.ceil(this.#interning);
    const mostInterned = this.#limits.maxKeys +
      Math.floor(length / BYTES_PER_KEY);
    if (interned > mostInterned) {
      throw this.#over("maxKeys", undefined, mostInterned, interned);
    }
    return isPlain;
  }

  /**
   * Returns the least number of bytes that a body may hold.
   *
   * @throws {CodecError} if the body is not exactly one well-formed value
   */
  measure(bytes: Uint8Array): number {
    this.#measure(bytes);
    const least = this.#isMarked
      ? this.#frugal
      : Math.min(this.#fast, this.#frugal);
    return Math.ceil(this.held + least);
  }

  #measure(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#isMarked = false;
    this.#fast =
      this.#frugal =
      this.#sparse =
      this.#interning =
        0;
    const isSmall = bytes.length <= FEW_KEYS;
    const table = isSmall ? undefined : this.#table;
    table?.begin(bytes);
    try {
      const end = this.#walk(bytes, bytes.length, isSmall);
      if (end < bytes.length) throw this.#trailing(end);
      this.#keys = table?.keys ?? 0;
      this.#interning += table?.interning ?? 0;
      this.held += table?.held ?? 0;
    } finally { // a refused body must not stay in memory either
      table?.end();
      this.#bytes = PROTO;
    }
  }

  /**
   * Returns the offset after the first value.
   *
   * The method is a single loop over local variables, with the most common forms
   * first, because a version that was split into methods took twice as long.
   */
  #walk(bytes: Uint8Array, end: number, isSmall: boolean): number {
    const { maxDepth, maxNodes, maxBytes } = this.#limits;
    const open = this.#open;
    const steps = this.#step;
    const table = this.#table;
    let at = 0,
      depth = 0,
      nodes = 1,
      text = 0,
      left = 1,
      isMap = 0,
      step = 0,
      held = SLOT;
    for (;;) {
      while (left === 0) {
        if (depth === 0) {
          this.held = held;
          return at;
        }
        left = open[--depth]!;
        isMap = left & 1;
        left >>= 1;
        step = steps[depth]!;
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
          kind = lead < 0x90 ? MAP : LIST;
          length = lead & 0x0f;
        } else {
          kind = FOLLOWS[lead - 0xc0]!;
          const size = SIZES[lead - 0xc0]!;
          if (start + size > end) throw this.#truncated(at);
          if (kind === PLAIN) {
            if (size >= 4 || lead === NEVER_USED) {
              held += this.#plain(at, lead);
            }
            at = start + size;
            continue;
          }
          length = size < 0 ? -size : lengthAt(bytes, start, size);
          if (size > 0) start += size;
        }
        if (kind >= LIST) {
          const items = kind === MAP ? length * 2 : length;
          if (items > end - start) throw this.#truncated(at);
          nodes += items;
          if (nodes > maxNodes) {
            throw this.#over("maxNodes", at, maxNodes, nodes);
          }
          if (depth === maxDepth) {
            throw this.#over("maxDepth", at, maxDepth, depth + 1);
          }
          steps[depth] = step;
          open[depth++] = left * 2 + isMap;
          left = items;
          isMap = 0;
          if (kind === MAP) {
            isMap = 1;
            step = depth;
            held += this.#map(length, depth);
          } else held += length === 0 ? EMPTY_ARRAY : ARRAY + SLOT * length;
          at = start;
          continue;
        }
      }
      const next = start + length;
      if (next > end) throw this.#truncated(at);
      if (kind === EXT) {
        if (bytes[start] === EXT_TIMESTAMP) held += DATE;
        at = this.#extension(at, start, length);
        continue;
      }
      if ((text += length) > maxBytes) {
        throw this.#over("maxBytes", at, maxBytes, text);
      }
      if (kind === BIN) held += BINARY + length;
      else if (!isKey) held += this.#string(at, start, next);
      else {
        if (length === 0) held += EMPTY_KEY;
        const followed = isSmall ? 0 : table.guess(step, start, length);
        if (followed !== 0) step = followed;
        else {
          held += this.#key(at, start, next, depth, step, isSmall);
          step = this.#stepAfter;
        }
      }
      at = next;
    }
  }

  /** Begins a map; returns the bytes of its object. */
  #map(count: number, depth: number): number {
    this.#known[depth] = this.#table.steps;
    this.#indexKeys[depth] = 0;
    if (count === 0) {
      this.#fast += OBJECT - BARE_OBJECT;
      return BARE_OBJECT;
    }
    if (count > FAST_KEYS) {
      const table = tableBytes(count);
      this.#tableShare[depth] = table / count;
      return OBJECT + table;
    }
    this.#tableShare[depth] = 0;
    return objectBytes(count);
  }

  /**
   * Checks a key that does not follow as usual.
   *
   * It sets `#stepAfter`, and returns the bytes of the key's text if it may be new.
   */
  #key(
    at: number,
    start: number,
    end: number,
    depth: number,
    step: number,
    isSmall: boolean,
  ): number {
    this.#stepAfter = step;
    const index = indexAt(this.#bytes, start, end);
    if (index >= 0) return this.#indexKey(index, depth);
    // A key that is in the table was checked when it was added.
    const bytes = this.#newKey(at, start, end);
    if (isSmall) return newKeyBytes(1, false) + bytes;
    const table = this.#table;
    const { interning } = table;
    this.#stepAfter = table.search(step, this.#known[depth]!, start, end);
    const isNew = table.interning > interning;
    if (isNew && mayBeInteger(this.#bytes, start, end)) {
      table.interning = interning + INTEGER;
    }
    return 0;
  }

  #newKey(at: number, start: number, end: number): number {
    const bytes = this.#bytes;
    if (
      bytes[start] === 0x5f && end - start === PROTO.length &&
      spells(bytes, start, PROTO)
    ) {
      throw this.#error("key", at, "the key '__proto__' is not allowed");
    }
    return this.#string(at, start, end);
  }

  /** Charges the list of a map's index keys. Such keys are not interned. */
  #indexKey(index: number, depth: number): number {
    this.#interning += indexKeyTime(index);
    const count = this.#indexKeys[depth]!++;
    let largest = index;
    if (count === 0) {
      this.#sparse++;
      this.#frugal += tableBytes(1);
    } else {
      largest = Math.max(index, this.#largest[depth]!);
      this.#fast -= this.#listBytes[depth]!;
      this.#frugal += tableBytes(count + 1) - tableBytes(count);
    }
    const list = grownListBytes(count + 1, largest);
    this.#fast += list;
    this.#listBytes[depth] = list;
    this.#largest[depth] = largest;
    return -this.#tableShare[depth]!;
  }

  /**
   * Returns the bytes of a number beside its slot.
   *
   * Rejects byte 0xc1 and, if `safeInt64` is set, inexact 64-bit integers.
   */
  #plain(at: number, lead: number): number {
    switch (lead) {
      case NEVER_USED:
        throw this.#error(
          "malformed",
          at,
          "byte 0xc1 is never used in MessagePack",
        );
      case FLOAT32:
      case FLOAT64:
        return BOXED;
      case UINT32:
        return this.#bytes[at + 1]! < 0x80 ? 0 : BOXED;
      case UINT64:
      case INT64:
        if (this.#safeInt64) this.#int64(at, lead);
        return BIGINT;
      default:
        return 0;
    }
  }

  /** Checks a string; returns the bytes of its text. */
  #string(at: number, start: number, end: number): number {
    const bytes = this.#bytes;
    const length = end - start;
    const ascii = endOfAscii(bytes, start, end);
    if (ascii === end) return textBytes(length, 1);
    const units = utf16Length(bytes, ascii, end);
    if (units < 0) {
      throw this.#error("malformed", at, "a string is not well-formed UTF-8");
    }
    if (length > LONGEST_SHORT_STRING && spells(bytes, start, MARK)) {
      this.#isMarked = true;
    }
    return textBytes(ascii - start + units, 2);
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
    offset: number | undefined,
    allowed: number,
    found: number,
  ): CodecError {
    const place = offset === undefined ? "" : ` (at byte ${offset})`;
    const details = { offset, limit, allowed, found };
    return exceeded("decode as msgpack", details, place);
  }
}

/** Whether a key may be an integer above all array indices. */
function mayBeInteger(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  const first = bytes[start]!;
  return first >= 0x31 && first <= 0x39 && length >= 10 && length <= 16;
}

/** Reads a length field of 1, 2 or 4 bytes, big-endian. */
function lengthAt(bytes: Uint8Array, start: number, size: number): number {
  if (size === 1) return bytes[start]!;
  const high = (bytes[start]! << 8) | bytes[start + 1]!;
  if (size === 2) return high;
  return high * 0x10000 + ((bytes[start + 2]! << 8) | bytes[start + 3]!);
}
