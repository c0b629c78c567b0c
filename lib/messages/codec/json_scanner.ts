/**
 * Checks a JSON body before parsing, in one pass without recursion.
 *
 * Depth, counts and sizes must be within the limits, and no key may be
 * `__proto__`. The parser checks whether the body is well-formed.
 *
 * @module
 */
import { exceeded } from "./refusal.ts";
import { CodecError } from "./errors.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";
import { DigitStrings } from "./digit_strings.ts";
import {
  allowedBytes,
  BOXED,
  ESCAPED_KEY,
  exactListBytes,
  newKeyBytes,
  OBJECT,
  PARSED_ARRAY,
  SLOT,
  STRING,
  tableBytes,
} from "./held_bytes.ts";
import { indexAt } from "./index_keys.ts";
import { indexKeyTime, KeyTable } from "./key_table.ts";

const QUOTE = 0x22, BACKSLASH = 0x5c, COLON = 0x3a, UNDERSCORE = 0x5f;
const BRACKET = 0x5b,
  POINT = 0x2e,
  NINE = 0x39,
  LETTER_E = 0x65,
  WIDE = 0x80,
  ESCAPED = 0x100;
const SCALAR = 0, BETWEEN = 1, OPEN = 2, CLOSE = 3, TEXT = 4;

/** The kind of each byte outside strings. */
const KINDS: Uint8Array = /* @__PURE__ */ kindsOfBytes();

function kindsOfBytes(): Uint8Array {
  const kinds = new Uint8Array(256);
  for (const char of " \t\n\r,:") kinds[char.charCodeAt(0)] = BETWEEN;
  for (const char of "[{") kinds[char.charCodeAt(0)] = OPEN;
  for (const char of "]}") kinds[char.charCodeAt(0)] = CLOSE;
  kinds[QUOTE] = TEXT;
  return kinds;
}

const PROTO = '"__proto__"';
/** Length of the longest spelling of `"__proto__"`, with every character escaped. */
const LONGEST_PROTO = 2 + 9 * 6;
/** Minimum length of a number that may be infinite anyway. */
const LONGEST_FINITE = 200;
/** Maximum length of an exponent in a finite number, as in 1e99. */
const LONGEST_EXPONENT = 2;
/** Minimum length of an integer that may not fit into a slot. */
const LONGEST_SMALL = 10;
/** Up to three entries of a hash table. */
const TABLE_KEY = 72;
const EMPTY: Uint8Array = /* @__PURE__ */ new Uint8Array(0);
const fromUtf8 = /* @__PURE__ */ new TextDecoder();

/** Maximum size of bodies whose keys all count as new; a table would take longer. */
const FEW_KEYS = 512;
/** Number of properties that V8 stores without a hash table. */
const FAST_KEYS = 128;
/** Number of bytes of a body for each different key beyond `maxKeys`. */
const BYTES_PER_KEY = 26;
/** The same of bodies of more than 500 KB: each of many keys takes longer. */
const BYTES_PER_FURTHER_KEY = 44;
/** Number of keys that such bodies may have in addition. */
const MANY_KEYS = 8000;
/** The same for keys and new hidden classes together. */
const BYTES_PER_CLASS = 14;
/** Number of keys that an object with a new class counts as. */
const SLOW_OBJECT = 3;
/** Maximum length of strings that `JSON.parse` interns. */
const LONGEST_INTERNED = 10;
/** Number of strings that `JSON.parse` interns in little time in any case. */
const FEW_STRINGS = 256;
/** Number of bytes of a body for each further interned string. */
const BYTES_PER_INTERNED = 8;

/** Scanner that checks bodies against the limits. */
export class JsonScanner {
  /** Heap bytes that the last body holds once it is parsed. */
  held = 0;

  readonly #limits: ResolvedCodecLimits;
  /** For each depth: the last step of the object's keys; see `KeyTable`. */
  readonly #step: Int32Array;
  /** For each depth: the last step that was known when the object began. */
  readonly #known: Int32Array;
  /** For each depth: the number of the object's keys. */
  readonly #keys: Int32Array;
  /** For each depth: the number of the object's index keys, and the largest. */
  readonly #indexKeys: Int32Array;
  readonly #largest: Float64Array;
  readonly #table: KeyTable;
  readonly #digits = new DigitStrings();
  /** Number of strings that `JSON.parse` would intern. */
  #interned = 0;
  #isSmall = false;
  #bytes = EMPTY;

  /** @param limits the limits of a message */
  constructor(limits: ResolvedCodecLimits) {
    const { maxDepth } = limits;
    this.#limits = limits;
    this.#step = new Int32Array(maxDepth + 1);
    this.#known = new Int32Array(maxDepth + 1);
    this.#keys = new Int32Array(maxDepth + 1);
    this.#indexKeys = new Int32Array(maxDepth + 1);
    this.#largest = new Float64Array(maxDepth + 1);
    this.#table = new KeyTable(maxDepth, FAST_KEYS, SLOW_OBJECT);
  }

  /**
   * Checks one body.
   *
   * @param maxHeld the maximum number of bytes held, if it is below the limit
   * @returns whether `JSON.parse` takes no longer than usual; otherwise
   * `JsonReader` decodes the body
   * @throws {CodecError} if the body exceeds a limit, contains a number that
   * would become infinite, or contains the key `__proto__`
   */
  scan(bytes: Uint8Array, maxHeld = Infinity): boolean {
    const { length } = bytes;
    const held = this.measure(bytes);
    const allowed = Math.min(
      maxHeld,
      allowedBytes(length, this.#limits.maxHeld),
    );
    if (held > allowed) throw this.#over("maxHeld", undefined, allowed, held);
    const { keys, interning } = this.#table;
    const most = this.#limits.maxKeys + Math.floor(length / BYTES_PER_CLASS);
    if (keys > most) throw this.#over("maxKeys", undefined, most, keys);
    const interned = Math.ceil(interning);
    const mostInterned = this.#limits.maxKeys + Math.floor(Math.min(
      length / BYTES_PER_KEY,
      MANY_KEYS + length / BYTES_PER_FURTHER_KEY,
    ));
    if (interned > mostInterned) {
      throw this.#over("maxKeys", undefined, mostInterned, interned);
    }
    const areMany = this.#interned >
      Math.max(FEW_STRINGS, length / BYTES_PER_INTERNED);
    return !areMany && !this.#digits.collide;
  }

  /**
   * Returns the bytes that the value of a body holds.
   *
   * @throws {CodecError} if the body exceeds another limit, contains a number
   * that would become infinite, or contains the key `__proto__`
   */
  measure(bytes: Uint8Array): number {
    this.#isSmall = bytes.length <= FEW_KEYS;
    this.#bytes = bytes;
    this.#digits.begin();
    this.#table.begin(bytes);
    try {
      this.held = this.#walk(bytes) + this.#table.held;
    } finally { // a refused body must not stay in memory either
      this.#table.end();
      this.#bytes = EMPTY;
    }
    return this.held;
  }

  /** Returns the bytes held, except for those of new hidden classes. */
  #walk(bytes: Uint8Array): number {
    const { maxDepth, maxNodes, maxBytes } = this.#limits;
    const { length } = bytes;
    let depth = 0, nodes = 0, text = 0, held = 0, interned = 0;
    for (let at = 0; at < length; at++) {
      const kind = KINDS[bytes[at]!]!;
      if (kind === BETWEEN) continue;
      if (kind === CLOSE) {
        depth--;
        continue;
      }
      if (++nodes > maxNodes) {
        throw this.#over("maxNodes", at, maxNodes, nodes);
      }
      if (kind === TEXT) {
        // Any bit from 0x80 on: text that may have two bytes for each character.
        let end = at + 1, bits = 0;
        for (; end < length; end++) {
          const byte = bytes[end]!;
          if (byte === QUOTE) break;
          bits |= byte;
          if (byte === BACKSLASH) {
            bits |= ESCAPED;
            end++;
          }
        }
        end++; // beyond the body if the string has no end
        if ((text += end - at - 2) > maxBytes) {
          throw this.#over("maxBytes", at, maxBytes, text);
        }
        const size = end - at - 2;
        if (bytes[end] === COLON || isKey(bytes, end)) {
          held += this.#key(at, end, depth < 0 ? 0 : depth, bits);
        } else if (size > 1) {
          held += SLOT + textBytes(size, bits >= WIDE);
          if (size <= LONGEST_INTERNED) {
            interned++;
            if (bytes[at + 1]! <= NINE) this.#digitString(at + 1, end - 1);
          }
        } else held += SLOT;
        at = end - 1;
      } else if (kind === OPEN) {
        if (++depth > maxDepth) {
          throw this.#over("maxDepth", at, maxDepth, depth);
        }
        held += SLOT + (bytes[at] === BRACKET ? PARSED_ARRAY : OBJECT);
        if (depth > 0) this.#begin(depth);
      } else {
        const start = at;
        let hasPoint = false, exponent = length; // none
        while (KINDS[bytes[at + 1]!] === SCALAR) {
          const byte = bytes[++at]!;
          if (byte === POINT) hasPoint = true;
          else if ((byte | 0x20) === LETTER_E) exponent = at;
        }
        const digits = at + 1 - start;
        if (
          digits >= LONGEST_FINITE || at - exponent > LONGEST_EXPONENT
        ) {
          requireFinite(bytes, start, at + 1);
        }
        const boxed = hasPoint || exponent < length || digits >= LONGEST_SMALL;
        // `true` and `false` have an "e", too.
        held += boxed && bytes[start]! <= NINE ? SLOT + BOXED : SLOT;
      }
    }
    this.#interned = interned;
    return held;
  }

  #digitString(start: number, end: number): void {
    const index = indexAt(this.#bytes, start, end);
    if (index !== -1) this.#digits.add(index);
  }

  #begin(depth: number): void {
    this.#step[depth] = depth;
    this.#known[depth] = this.#table.steps;
    this.#keys[depth] = 0;
    this.#indexKeys[depth] = 0;
  }

  /** Checks a key; returns the bytes of its text and place, if it is new. */
  #key(start: number, end: number, depth: number, bits: number): number {
    const bytes = this.#bytes;
    const first = bytes[start + 1]!;
    if (first <= NINE) {
      const index = indexAt(bytes, start + 1, end - 1);
      if (index >= 0) return this.#indexKey(index, depth);
    }
    const count = ++this.#keys[depth]!;
    let held = 0;
    if (count > FAST_KEYS) {
      held = count === FAST_KEYS + 1 ? tableBytes(count) : TABLE_KEY;
    }
    // A key with escapes may spell an index.
    if (bits >= ESCAPED) held += ESCAPED_KEY;
    const table = this.#table;
    const before = this.#step[depth]!;
    const length = end - start - 2;
    let step = this.#isSmall ? 0 : table.guess(before, start + 1, length);
    if (step === 0) {
      if (mayBeProto(first) && isProto(bytes, start, end)) {
        throw protoKey(start);
      }
      if (this.#isSmall) {
        return held + newKeyBytes(1, false) +
          textBytes(length, bits >= WIDE);
      }
      step = table.search(before, this.#known[depth]!, start + 1, end - 1);
    }
    this.#step[depth] = step;
    return held;
  }

  /** Returns the bytes by which a list of index keys grows. */
  #indexKey(index: number, depth: number): number {
    this.#table.interning += indexKeyTime(index);
    const count = this.#indexKeys[depth]!++;
    const before = this.#largest[depth]!;
    if (count === 0) {
      this.#largest[depth] = index;
      this.#table.keys++; // making the list takes as long as a new key
      return exactListBytes(1, index);
    }
    const largest = this.#largest[depth] = Math.max(index, before);
    return exactListBytes(count + 1, largest) - exactListBytes(count, before);
  }

  #over(
    limit: keyof ResolvedCodecLimits,
    offset: number | undefined,
    allowed: number,
    found: number,
  ): CodecError {
    const place = offset === undefined ? "" : ` (at byte ${offset})`;
    const details = { offset, limit, allowed, found };
    return exceeded("decode as json", details, place);
  }
}

/** Returns whether a colon follows a string. */
function isKey(bytes: Uint8Array, end: number): boolean {
  let next = end;
  while (KINDS[bytes[next]!] === BETWEEN && bytes[next] !== COLON) next++;
  return bytes[next] === COLON;
}

/** Returns the bytes of a string's text. */
function textBytes(length: number, isWide: boolean): number {
  return STRING + (isWide ? 2 * length : length) & -8;
}

/** Rejects numbers that the parser would silently turn into `Infinity`. */
function requireFinite(bytes: Uint8Array, start: number, end: number): void {
  const number = Number(fromUtf8.decode(bytes.subarray(start, end)));
  if (number !== Infinity && number !== -Infinity) return;
  throw new CodecError(
    `Cannot decode as json: a number is too large for JavaScript (at byte ${start})`,
    { code: "range", offset: start },
  );
}

/** Returns whether a string that begins with this byte could spell `__proto__`. */
function mayBeProto(first: number): boolean {
  return first === UNDERSCORE || first === BACKSLASH;
}

/** Returns whether a string is the key `__proto__`, escaped or not. */
function isProto(bytes: Uint8Array, start: number, end: number): boolean {
  const length = end - start;
  if (length < PROTO.length || length > LONGEST_PROTO) return false;
  const written = fromUtf8.decode(bytes.subarray(start, end));
  return written.replace(
    /\\u([0-9a-f]{4})/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  ) === PROTO;
}

function protoKey(offset: number): CodecError {
  return new CodecError(
    `Cannot decode as json: the key '__proto__' is not allowed (at byte ${offset})`,
    { code: "key", offset },
  );
}
