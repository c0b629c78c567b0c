/**
 * Checks a value and writes it as MessagePack, in one walk. A value that would
 * not arrive unchanged is rejected with an error that names the value and its
 * path.
 *
 * There are three reasons not to use msgpackr's encoder. It would walk the value
 * again after the check, so a getter could return a different value the second
 * time. It reads lengths from properties that a value can shadow, and could
 * then send unrelated memory. Its buffer is shared by all users of the module.
 * This encoder reads each property once and takes lengths from the engine.
 *
 * @module
 */
import { describeKind, describePrimitive } from "./describe_value.ts";
import {
  ILL_FORMED,
  LARGEST_LEAF,
  putArrayHeader,
  putBigint,
  putBinaryHeader,
  putMapHeader,
  putNumber,
  putStringHeader,
  putTimestamp,
  putUndefined,
  putUtf8,
} from "./msgpack_tokens.ts";
import {
  exceeded,
  hiddenKey,
  over,
  refuse,
  toCodecError,
  type ValueRefusal,
  within,
} from "./refusal.ts";
import {
  allowedBytes,
  ARRAY,
  BINARY,
  BOXED,
  DATE,
  MOST_PER_KEY,
  SLOT,
} from "./held_bytes.ts";
import { MsgpackScanner } from "./msgpack_scanner.ts";
import { acquireScratch, releaseScratch } from "./scratch_buffer.ts";
import { classOf, lengthOf, timeOf } from "./intrinsics.ts";
import type { ResolvedCodecLimits } from "./codec_limits.ts";

/** Maximum length for which a loop is faster than the platform's encoder. */
const SHORT_STRING = 48;
/** Maximum number of UTF-8 bytes for a UTF-16 code unit. */
const UNIT = 3;
/** Size in bytes of the longest string header. */
const HEADER = 5;
const PROTO = "__proto__";
const REFUSED = -1;
/** Upper bound of the bytes of a number or a string's header. */
const MOST_PER_NODE = SLOT + BOXED + SLOT;
const MIN_INT64 = -(2n ** 63n), MAX_UINT64 = 2n ** 64n - 1n;
const NOTHING = /* @__PURE__ */ new Uint8Array(0);

const { getPrototypeOf, getOwnPropertyNames, getOwnPropertySymbols } = Object;
const objectPrototype: unknown = Object.prototype;
const arrayPrototype: unknown = Array.prototype;
const datePrototype: unknown = Date.prototype;
const toUtf8 = /* @__PURE__ */ new TextEncoder();

/** Encoder that writes values within the limits. */
export class MsgpackEncoder {
  readonly #limits: ResolvedCodecLimits;
  #bytes: Uint8Array = NOTHING;
  #start = 0;
  #nodes = 0;
  #text = 0;
  /** Upper bound of the bytes of values other than numbers and strings. */
  #costly = 0;
  #scanner: MsgpackScanner | undefined;
  #refusal: ValueRefusal | undefined;
  #busy = false;

  /** @param limits the limits of a message */
  constructor(limits: ResolvedCodecLimits) {
    this.#limits = limits;
  }

  /**
   * Writes one value into `target` at `offset`, if it fits.
   *
   * @returns the offset after the body; or, if `target` is too small, the body
   * in another buffer, valid until the next call
   * @throws {CodecError} if the value would not arrive unchanged
   */
  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array {
    // A getter of the value may encode another value during the walk.
    if (this.#busy) {
      return new MsgpackEncoder(this.#limits).encodeInto(value, target, offset);
    }
    this.#busy = true;
    this.#bytes = target;
    this.#start = offset;
    this.#nodes = 1;
    this.#text = 0;
    this.#costly = 0;
    try {
      const end = this.#value(value, offset, 0);
      if (end === REFUSED) {
        throw toCodecError(this.#refusal!, "msgpack", this.#limits, value); // set when REFUSED is returned
      }
      this.#checkHeld(this.#start, end);
      return this.#bytes === target
        ? end
        : settle(this.#bytes.subarray(0, end), target, offset);
    } finally {
      if (this.#bytes !== target) releaseScratch(this.#bytes);
      this.#bytes = NOTHING;
      this.#refusal = undefined;
      this.#busy = false;
    }
  }

  /** Measures the encoded bytes if the value may hold too much. */
  #checkHeld(start: number, end: number): void {
    const most = MOST_PER_NODE * this.#nodes + 2 * this.#text + this.#costly;
    const allowed = allowedBytes(end - start, this.#limits.maxHeld);
    if (most <= allowed) return;
    this.#scanner ??= new MsgpackScanner(this.#limits, false);
    const held = this.#scanner.measure(this.#bytes.subarray(start, end));
    if (held <= allowed) return;
    throw exceeded("encode as msgpack", {
      limit: "maxHeld",
      allowed,
      found: held,
      path: [],
    });
  }

  /** Moves to a larger buffer if necessary; returns the offset there. */
  #room(at: number, need: number): number {
    if (at + need <= this.#bytes.length) return at;
    const written = at - this.#start;
    const larger = acquireScratch(written + need, written);
    larger.set(this.#bytes.subarray(this.#start, at));
    this.#bytes = larger;
    this.#start = 0;
    return written;
  }

  #value(value: unknown, offset: number, depth: number): number {
    const at = this.#room(offset, LARGEST_LEAF);
    switch (typeof value) {
      case "string":
        return this.#string(value, at);
      case "number":
        return putNumber(this.#bytes, at, value);
      case "boolean":
        this.#bytes[at] = value ? 0xc3 : 0xc2;
        return at + 1;
      case "object":
        if (value !== null) return this.#object(value, at, depth);
        this.#bytes[at] = 0xc0;
        return at + 1;
      case "undefined":
        return putUndefined(this.#bytes, at);
      case "bigint":
        return value >= MIN_INT64 && value <= MAX_UINT64
          ? putBigint(this.#bytes, at, value)
          : this.#refuse(refuse("a bigint beyond 64 bits (send a string)"));
      default:
        return this.#refuse(refuse(describePrimitive(value)));
    }
  }

  #object(value: object, at: number, depth: number): number {
    const prototype = getPrototypeOf(value);
    if (prototype === objectPrototype || prototype === null) {
      return this.#record(value as Record<string, unknown>, at, depth + 1); // a plain object
    }
    if (prototype === arrayPrototype && Array.isArray(value)) {
      return this.#array(value, at, depth + 1);
    }
    if (classOf(value) === "Uint8Array") return this.#binary(value, at);
    if (prototype !== datePrototype) {
      return this.#refuse(refuse(describeKind(value)));
    }
    this.#costly += DATE;
    const time = timeOf(value);
    return Number.isNaN(time)
      ? this.#refuse(refuse("an invalid Date"))
      : putTimestamp(this.#bytes, at, time);
  }

  #record(
    object: Record<string, unknown>,
    offset: number,
    depth: number,
  ): number {
    const count = getOwnPropertyNames(object).length;
    if (!this.#enter(count * 2, depth)) return REFUSED;
    this.#costly += MOST_PER_KEY * (count + 1);
    let at = putMapHeader(this.#bytes, offset, count);
    let seen = 0;
    for (const key in object) {
      seen++;
      at = key === PROTO
        ? this.#refuse(refuse("the key '__proto__'", "key"))
        : this.#string(key, at);
      if (at !== REFUSED) at = this.#value(object[key], at, depth);
      if (at === REFUSED) return this.#within(key);
    }
    if (seen !== count) return this.#refuse(hiddenKey(object));
    const symbol = getOwnPropertySymbols(object)[0]; // destructuring takes longer
    if (symbol === undefined) return at;
    return this.#refuse(refuse(`the symbol key ${String(symbol)}`));
  }

  #array(array: readonly unknown[], offset: number, depth: number): number {
    const { length } = array;
    if (!this.#enter(length, depth)) return REFUSED;
    this.#costly += ARRAY;
    let at = putArrayHeader(this.#bytes, offset, length);
    for (let index = 0; index < length; index++) {
      const item = array[index];
      at = item === undefined && !(index in array)
        ? this.#refuse(
          refuse("a hole in an array (send null or undefined)"),
        )
        : this.#value(item, at, depth);
      if (at === REFUSED) return this.#within(index);
    }
    return at;
  }

  /** Counts a container's items; returns whether the limits permit them. */
  #enter(items: number, depth: number): boolean {
    if ((this.#nodes += items) > this.#limits.maxNodes) {
      this.#refusal = over("maxNodes", this.#nodes);
    } else if (depth > this.#limits.maxDepth) {
      this.#refusal = over("maxDepth", depth);
    } else return true;
    return false;
  }

  #binary(value: object, offset: number): number {
    const length = lengthOf(value);
    if (!this.#fits(length)) return REFUSED;
    this.#costly += BINARY;
    const at = this.#room(offset, HEADER + length);
    const start = putBinaryHeader(this.#bytes, at, length);
    this.#bytes.set(value as Uint8Array, start); // checked by classOf()
    return start + length;
  }

  #string(text: string, offset: number): number {
    const { length } = text;
    if (length > SHORT_STRING) return this.#longString(text, offset);
    const at = this.#room(offset, HEADER + length * UNIT);
    const start = at + headerOf(length);
    const end = putUtf8(this.#bytes, start, text);
    return end === ILL_FORMED ? this.#illFormed() : this.#head(at, start, end);
  }

  #longString(text: string, offset: number): number {
    const { length } = text;
    const { maxBytes } = this.#limits;
    const found = this.#text + length;
    if (found > maxBytes) return this.#refuse(over("maxBytes", found));
    if (!text.isWellFormed()) return this.#illFormed();
    let at = this.#room(offset, HEADER + length);
    let put = this.#putLong(text, at);
    if (put.read < length) {
      // If even this buffer is too small, the string exceeds the limit.
      const max = Math.min(length * UNIT, maxBytes - this.#text + UNIT + 1);
      at = this.#room(at, HEADER + max);
      put = this.#putLong(text, at);
    }
    const start = at + headerOf(length);
    return this.#head(at, start, start + put.written);
  }

  /** Writes a string's text; leaves enough space for the longest header. */
  #putLong(text: string, at: number): { read: number; written: number } {
    const header = headerOf(text.length);
    const end = this.#bytes.length - (HEADER - header);
    return toUtf8.encodeInto(text, this.#bytes.subarray(at + header, end));
  }

  /**
   * Writes a string's header; moves the string if the header needs more space.
   */
  #head(at: number, start: number, end: number): number {
    const size = end - start;
    if (!this.#fits(size)) return REFUSED;
    const header = headerOf(size);
    if (at + header !== start) {
      this.#bytes.copyWithin(at + header, start, end); // more bytes than characters
    }
    return putStringHeader(this.#bytes, at, size) + size;
  }

  /** Counts bytes of strings and binary data; returns whether the limit permits them. */
  #fits(size: number): boolean {
    if ((this.#text += size) <= this.#limits.maxBytes) return true;
    this.#refusal = over("maxBytes", this.#text);
    return false;
  }

  #illFormed(): number {
    return this.#refuse(
      refuse("a string with a lone surrogate (send text.toWellFormed())"),
    );
  }

  #refuse(refusal: ValueRefusal): number {
    this.#refusal = refusal;
    return REFUSED;
  }

  #within(key: string | number): number {
    return this.#refuse(within(key, this.#refusal!)); // set when REFUSED is returned
  }
}

/** Returns the header's length for a string of `length` bytes. */
function headerOf(length: number): number {
  if (length < 0x20) return 1;
  return length < 0x100 ? 2 : length < 0x10000 ? 3 : HEADER;
}

function settle(
  body: Uint8Array,
  target: Uint8Array,
  offset: number,
): number | Uint8Array {
  if (body.length > target.length - offset) return body;
  target.set(body, offset);
  return offset + body.length;
}
