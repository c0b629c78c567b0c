/**
 * Writers of MessagePack's simple values and headers.
 *
 * Each function writes at an offset and returns the offset after the written
 * bytes. The caller ensures that there is enough space.
 *
 * Source of the format: https://github.com/msgpack/msgpack/blob/master/spec.md
 *
 * @module
 */

/** Maximum size of a simple value or header in bytes: the size of a timestamp 96. */
export const LARGEST_LEAF = 15;

/** Result of `putUtf8()` for a string with a lone surrogate. */
export const ILL_FORMED = -1;

const MAX_INT64 = 2n ** 63n - 1n;
const scratch = /* @__PURE__ */ new Uint8Array(8);
const view = /* @__PURE__ */ new DataView(scratch.buffer);

/**
 * Writes a number: integers of up to 32 bits as integers, others as float64.
 */
export function putNumber(
  bytes: Uint8Array,
  at: number,
  value: number,
): number {
  if (value >>> 0 === value) return putUint32(bytes, at, value);
  if (value >> 0 === value) return putNegative(bytes, at, value);
  bytes[at] = 0xcb;
  view.setFloat64(0, value);
  return putScratch(bytes, at + 1);
}

/** Writes a bigint, which must fit into 64 bits. */
export function putBigint(
  bytes: Uint8Array,
  at: number,
  value: bigint,
): number {
  bytes[at] = value <= MAX_INT64 ? 0xd3 : 0xcf;
  view.setBigUint64(0, BigInt.asUintN(64, value));
  return putScratch(bytes, at + 1);
}

/**
 * Writes a time in milliseconds as a timestamp 32, 64 or 96.
 *
 * Timestamp 96 is used for all seconds that do not fit into 32 unsigned bits,
 * although timestamp 64 has room for 34.
 */
export function putTimestamp(
  bytes: Uint8Array,
  at: number,
  time: number,
): number {
  const seconds = Math.floor(time / 1000);
  const nanoseconds = (time - seconds * 1000) * 1_000_000;
  if (seconds < 0 || seconds > 0xffffffff) {
    at = put3(bytes, at, 0xc7, 12, 0xff);
    at = put32(bytes, at, nanoseconds);
    view.setBigInt64(0, BigInt(seconds));
    return putScratch(bytes, at);
  }
  bytes[at++] = nanoseconds === 0 ? 0xd6 : 0xd7;
  bytes[at++] = 0xff;
  if (nanoseconds !== 0) at = put32(bytes, at, nanoseconds * 4);
  return put32(bytes, at, seconds);
}

/** Writes `undefined` as extension 0, like several other implementations. */
export function putUndefined(bytes: Uint8Array, at: number): number {
  return put3(bytes, at, 0xd4, 0, 0);
}

/** Writes the header of a string of `length` bytes. */
export function putStringHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  if (length < 0x20) {
    bytes[at] = 0xa0 | length;
    return at + 1;
  }
  return putLength8(bytes, at, 0xd9, length);
}

/** Writes the header of binary data. */
export function putBinaryHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return putLength8(bytes, at, 0xc4, length);
}

/** Writes the header of an array. */
export function putArrayHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return putLength4(bytes, at, 0x90, 0xdc, length);
}

/** Writes the header of a map. */
export function putMapHeader(
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return putLength4(bytes, at, 0x80, 0xde, length);
}

/** Writes a short string without a header; may return `ILL_FORMED`. */
export function putUtf8(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text;
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < 0x80) bytes[at++] = unit;
    else return putUtf8From(bytes, at, text, index);
  }
  return at;
}

/** Writes the rest of a string, from its first non-ASCII character. */
function putUtf8From(
  bytes: Uint8Array,
  at: number,
  text: string,
  from: number,
): number {
  const { length } = text;
  for (let index = from; index < length; index++) {
    const point = text.codePointAt(index)!; // the index is within the text
    if (point < 0x80) bytes[at++] = point;
    else if (point < 0x800) {
      bytes[at++] = 0xc0 | point >> 6;
      bytes[at++] = 0x80 | point & 0x3f;
    } else if (point < 0x10000) {
      if ((point & 0xf800) === 0xd800) return ILL_FORMED;
      bytes[at++] = 0xe0 | point >> 12;
      bytes[at++] = 0x80 | point >> 6 & 0x3f;
      bytes[at++] = 0x80 | point & 0x3f;
    } else {
      bytes[at++] = 0xf0 | point >> 18;
      bytes[at++] = 0x80 | point >> 12 & 0x3f;
      bytes[at++] = 0x80 | point >> 6 & 0x3f;
      bytes[at++] = 0x80 | point & 0x3f;
      index++;
    }
  }
  return at;
}

function putUint32(bytes: Uint8Array, at: number, value: number): number {
  if (value < 0x80) {
    bytes[at] = value;
    return at + 1;
  }
  return putLength8(bytes, at, 0xcc, value);
}

function putNegative(bytes: Uint8Array, at: number, value: number): number {
  if (value >= -0x20) {
    bytes[at] = value;
    return at + 1;
  }
  if (value >= -0x80) {
    bytes[at] = 0xd0;
    bytes[at + 1] = value;
    return at + 2;
  }
  if (value >= -0x8000) return put3(bytes, at, 0xd1, value >> 8, value);
  bytes[at] = 0xd2;
  return put32(bytes, at + 1, value);
}

/** Writes a length of 8, 16 or 32 bits; the lead bytes are consecutive. */
function putLength8(
  bytes: Uint8Array,
  at: number,
  lead: number,
  length: number,
): number {
  if (length < 0x100) {
    bytes[at] = lead;
    bytes[at + 1] = length;
    return at + 2;
  }
  if (length < 0x10000) return put3(bytes, at, lead + 1, length >> 8, length);
  bytes[at] = lead + 2;
  return put32(bytes, at + 1, length);
}

/**
 * Writes a length of 4, 16 or 32 bits.
 *
 * Lengths up to 15 are part of the lead byte `short`. Longer ones follow `lead`
 * (16 bits) or `lead + 1` (32 bits).
 */
function putLength4(
  bytes: Uint8Array,
  at: number,
  short: number,
  lead: number,
  length: number,
): number {
  if (length < 0x10) {
    bytes[at] = short | length;
    return at + 1;
  }
  if (length < 0x10000) return put3(bytes, at, lead, length >> 8, length);
  bytes[at] = lead + 1;
  return put32(bytes, at + 1, length);
}

function put3(
  bytes: Uint8Array,
  at: number,
  first: number,
  second: number,
  third: number,
): number {
  bytes[at] = first;
  bytes[at + 1] = second;
  bytes[at + 2] = third;
  return at + 3;
}

function put32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
  return at + 4;
}

function putScratch(bytes: Uint8Array, at: number): number {
  for (let index = 0; index < 8; index++) bytes[at + index] = scratch[index]!;
  return at + 8;
}
