/**
 * Checks and decodes small MessagePack bodies in one pass.
 *
 * Most bodies are small, and their objects have the same keys as earlier ones.
 * For a body of 137 bytes, the reader takes about half as long as the scan and
 * msgpackr, which decode bodies of any size.
 *
 * The reader reports no errors. It gives up if a body may be invalid or has
 * rare content; the scan then finds the error, or chooses another decoder.
 *
 * @module
 */
import {
  allowedBytes,
  ARRAY,
  BIGINT,
  BINARY,
  BOXED,
  DATE,
  EMPTY_ARRAY,
  FEW_KEYS,
  newKeyBytes,
  objectBytes,
  SLOT,
  textBytes,
  usualBytes,
} from "./held_bytes.ts";
import { endOfAscii, utf16Length } from "./utf8.ts";
import { isIndex } from "./index_keys.ts";
import { KeyOrders, type OrderedKey } from "./key_orders.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

/** Result for a body that the reader does not decode. */
export const UNREAD: unique symbol = /* @__PURE__ */ Symbol("unread");

/** Maximum nesting of arrays and objects. */
const MAX_DEPTH = 16;
/** Maximum number of an object's keys; V8 uses a hash table for more. */
const MAX_KEYS = 17;
/** Maximum length of a string that is faster without a `TextDecoder`. */
const SHORT_STRING = 40;
const PROTO = "__proto__";
const STR8 = 0xd9, EXT_TIMESTAMP = 0xff, BOM = 0xef;
const MAX_NANOSECONDS = 999_999_999;
const EMPTY = /* @__PURE__ */ new Uint8Array(0);

/** The units of a short string, for each length. */
const UNITS = /* @__PURE__ */ Array.from(
  { length: SHORT_STRING + 1 },
  (_, length): number[] => new Array(length).fill(0),
);
const number = /* @__PURE__ */ new DataView(new ArrayBuffer(8));
// Without this option the decoder would drop a leading byte order mark.
const fromUtf8 = /* @__PURE__ */ new TextDecoder("utf-8", { ignoreBOM: true });
const { fromCharCode } = String;

/** Orders of keys in all bodies of the program. */
const orders = /* @__PURE__ */ new KeyOrders();

/** Reader of small bodies. */
export class SmallBodyReader {
  /** Heap bytes that the last value holds. */
  held = 0;

  readonly #limits: ResolvedCodecLimits;
  readonly #maxDepth: number;
  readonly #bigints: boolean;
  readonly #borrow: boolean;
  /** Values of the objects that are being read. */
  readonly #values: unknown[] = [];
  #top = 0;
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;

  /**
   * @param limits the limits of a message
   * @param bigints whether 64-bit integers are decoded as bigints
   * @param borrow whether binary data references the body
   */
  constructor(limits: ResolvedCodecLimits, bigints: boolean, borrow: boolean) {
    this.#limits = limits;
    this.#maxDepth = Math.min(limits.maxDepth, MAX_DEPTH);
    this.#bigints = bigints;
    this.#borrow = borrow;
  }

  /**
   * Returns whether the reader supports bodies of this size. A value has at
   * least one byte, so smaller limits on values and text need a scan.
   */
  supports(length: number): boolean {
    const { maxNodes, maxBytes } = this.#limits;
    return length <= FEW_KEYS && length <= maxNodes && length <= maxBytes;
  }

  /**
   * Decodes a whole body.
   *
   * @param maxHeld the maximum number of heap bytes, if it is below the limit
   * @returns the value, or {@linkcode UNREAD}
   */
  read(body: Uint8Array, maxHeld = Infinity): unknown {
    const { length } = body;
    this.#bytes = body;
    this.#at = 0;
    this.#end = length;
    this.held = SLOT;
    const value = this.#value(0);
    this.#bytes = EMPTY;
    if (value === UNREAD || this.#at !== length) return this.#giveUp();
    const most = Math.min(
      maxHeld,
      allowedBytes(length, this.#limits.maxHeld),
      usualBytes(length),
    );
    return this.held <= most ? value : UNREAD;
  }

  #giveUp(): typeof UNREAD {
    this.#values.length = 0;
    this.#top = 0;
    return UNREAD;
  }

  /** Returns the next value, after `depth` open arrays and objects. */
  #value(depth: number): unknown {
    if (this.#at >= this.#end) return UNREAD;
    const lead = this.#bytes[this.#at++]!;
    if (lead < 0x80) return lead;
    if (lead < 0x90) return this.#map(lead & 0x0f, depth + 1);
    if (lead < 0xa0) return this.#array(lead & 0x0f, depth + 1);
    if (lead < 0xc0) return this.#string(lead & 0x1f);
    if (lead >= 0xe0) return lead - 0x100;
    switch (lead) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#has(1) ? this.#binary(this.#bytes[this.#at - 1]!) : UNREAD;
      case 0xca:
        return this.#load(4) ? this.#boxed(number.getFloat32(0)) : UNREAD;
      case 0xcb:
        return this.#load(8) ? this.#boxed(number.getFloat64(0)) : UNREAD;
      case 0xcc:
        return this.#has(1) ? this.#bytes[this.#at - 1]! : UNREAD;
      case 0xcd:
        return this.#has(2) ? this.#uint16() : UNREAD;
      case 0xce:
        return this.#load(4) ? this.#uint32() : UNREAD;
      case 0xcf:
        return this.#bigints && this.#load(8)
          ? this.#bigint(number.getBigUint64(0))
          : UNREAD;
      case 0xd0:
        return this.#has(1) ? this.#bytes[this.#at - 1]! << 24 >> 24 : UNREAD;
      case 0xd1:
        return this.#has(2) ? this.#uint16() << 16 >> 16 : UNREAD;
      case 0xd2:
        return this.#load(4) ? number.getInt32(0) : UNREAD;
      case 0xd3:
        return this.#bigints && this.#load(8)
          ? this.#bigint(number.getBigInt64(0))
          : UNREAD;
      case 0xd4:
        return this.#has(2) && this.#uint16() === 0 ? undefined : UNREAD;
      case 0xd6:
        return this.#isTimestamp() && this.#load(4)
          ? this.#date(number.getUint32(0), 0)
          : UNREAD;
      case 0xd7:
        return this.#isTimestamp() && this.#load(8)
          ? this.#date(
            (number.getUint32(0) & 3) * 2 ** 32 + number.getUint32(4),
            number.getUint32(0) >>> 2,
          )
          : UNREAD;
      case STR8:
        return this.#has(1) ? this.#string(this.#bytes[this.#at - 1]!) : UNREAD;
      case 0xda:
        return this.#has(2) ? this.#string(this.#uint16()) : UNREAD;
      case 0xdc:
        return this.#has(2) ? this.#array(this.#uint16(), depth + 1) : UNREAD;
      case 0xde:
        return this.#has(2) ? this.#map(this.#uint16(), depth + 1) : UNREAD;
      default:
        return UNREAD;
    }
  }

  /** Moves past `size` bytes, if the body has them. */
  #has(size: number): boolean {
    this.#at += size;
    return this.#at <= this.#end;
  }

  /** Moves past 4 or 8 bytes, and copies them to `number`. */
  #load(size: number): boolean {
    if (!this.#has(size)) return false;
    const bytes = this.#bytes;
    const start = this.#at - size;
    for (let index = 0; index < size; index++) {
      number.setUint8(index, bytes[start + index]!);
    }
    return true;
  }

  /** Returns the 16 bits that precede. */
  #uint16(): number {
    return this.#bytes[this.#at - 2]! << 8 | this.#bytes[this.#at - 1]!;
  }

  #uint32(): number {
    const value = number.getUint32(0);
    return value < 2 ** 31 ? value : this.#boxed(value);
  }

  #boxed(value: number): number {
    this.held += BOXED;
    return value;
  }

  #bigint(value: bigint): bigint {
    this.held += BIGINT;
    return value;
  }

  #isTimestamp(): boolean {
    return this.#has(1) && this.#bytes[this.#at - 1] === EXT_TIMESTAMP;
  }

  #date(seconds: number, nanoseconds: number): Date | typeof UNREAD {
    if (nanoseconds > MAX_NANOSECONDS) return UNREAD;
    this.held += DATE;
    return new Date(seconds * 1000 + nanoseconds / 1e6);
  }

  #binary(length: number): Uint8Array | typeof UNREAD {
    if (!this.#has(length)) return UNREAD;
    this.held += BINARY + length;
    const { buffer, byteOffset } = this.#bytes;
    const start = byteOffset + this.#at - length;
    // A plain view, as subclasses override `slice()`.
    const data = new Uint8Array(buffer, start, length);
    return this.#borrow ? data : data.slice();
  }

  #string(length: number): string | typeof UNREAD {
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) return UNREAD;
    this.#at = end;
    if (length === 0) return "";
    if (length > SHORT_STRING) return this.#longString(start, end);
    const units = UNITS[length]!;
    for (let index = 0; index < length; index++) {
      const byte = bytes[start + index]!;
      if (byte >= 0x80) return this.#longString(start, end);
      units[index] = byte;
    }
    this.held += textBytes(length, 1);
    return fromCharCode.apply(String, units);
  }

  #longString(start: number, end: number): string | typeof UNREAD {
    const bytes = this.#bytes;
    const ascii = endOfAscii(bytes, start, end);
    if (ascii === end) this.held += textBytes(end - start, 1);
    else {
      const units = utf16Length(bytes, ascii, end);
      if (units < 0 || bytes[start] === BOM) return UNREAD;
      this.held += textBytes(ascii - start + units, 2);
    }
    return fromUtf8.decode(bytes.subarray(start, end));
  }

  #array(length: number, depth: number): unknown[] | typeof UNREAD {
    if (depth > this.#maxDepth || length > this.#end - this.#at) return UNREAD;
    if (length === 0) {
      this.held += EMPTY_ARRAY;
      return [];
    }
    this.held += ARRAY + SLOT * length;
    const array = new Array<unknown>(length);
    for (let index = 0; index < length; index++) {
      const value = this.#value(depth);
      if (value === UNREAD) return UNREAD;
      array[index] = value;
    }
    return array;
  }

  #map(
    count: number,
    depth: number,
  ): Record<string, unknown> | typeof UNREAD {
    if (depth > this.#maxDepth || count > MAX_KEYS) return UNREAD;
    this.held += objectBytes(count);
    if (count === 0) return {};
    const values = this.#values;
    const base = this.#top;
    let last: OrderedKey | undefined;
    for (let index = 0; index < count; index++) {
      const key = orders.find(last, this.#bytes, this.#at);
      if (key === undefined) return this.#newOrder(last, index, count, depth);
      last = key;
      this.#at += key.token.length;
      this.held += key.held;
      const value = this.#value(depth);
      if (value === UNREAD) return UNREAD;
      values[this.#top++] = value;
    }
    const object = last!.create(); // there is at least one key
    this.#setValues(object, last!.keys, base);
    return object;
  }

  /** Sets the values from `base` on, and drops them. */
  #setValues(
    object: Record<string, unknown>,
    keys: readonly string[],
    base: number,
  ): void {
    const values = this.#values;
    for (let index = 0; index < keys.length; index++) {
      object[keys[index]!] = values[base + index];
      values[base + index] = undefined;
    }
    this.#top = base;
  }

  /** Reads the rest of an object, after keys in a known order. */
  #newOrder(
    last: OrderedKey | undefined,
    known: number,
    count: number,
    depth: number,
  ): Record<string, unknown> | typeof UNREAD {
    const object: Record<string, unknown> = {};
    if (last !== undefined) {
      this.#setValues(object, last.keys, this.#top - known);
    }
    for (let index = known; index < count; index++) {
      const start = this.#at;
      const { held } = this;
      const key = this.#key();
      if (key === UNREAD) return UNREAD;
      this.held += newKeyBytes(1, false);
      if (index === known) {
        const more = this.held - held;
        orders.learn(last, this.#bytes, start, this.#at, key, more);
      }
      const value = this.#value(depth);
      if (value === UNREAD) return UNREAD;
      object[key] = value;
    }
    return object;
  }

  /** Returns the next key, if it is an ordinary one. */
  #key(): string | typeof UNREAD {
    if (this.#at >= this.#end) return UNREAD;
    const lead = this.#bytes[this.#at++]!;
    let length = lead - 0xa0;
    if (lead === STR8 && this.#has(1)) length = this.#bytes[this.#at - 1]!;
    else if (lead < 0xa0 || lead >= 0xc0) return UNREAD;
    const key = this.#string(length);
    const isRare = key === "" || key === PROTO ||
      key !== UNREAD && isIndex(key);
    return isRare ? UNREAD : key;
  }
}
