/**
 * Functions that read and write unsigned integers, create views, and search
 * bytes.
 *
 * @module
 */

/**
 * Reads an unsigned integer of 1 to 8 bytes. Uses only addition and
 * multiplication, because a shift would make lengths of 2^31 or more negative.
 * A value of 2^53 or more is inexact, but never below 2^53, so that it still
 * exceeds every limit.
 */
export function readUint(
  bytes: Uint8Array,
  at: number,
  width: number,
  little: boolean,
): number {
  let value = 0;
  for (let i = 0; i < width; i++) {
    value = value * 256 + bytes[little ? at + width - 1 - i : at + i]!;
  }
  return value;
}

/** Writes an unsigned integer below 2^53 into 1 to 8 bytes. */
export function writeUint(
  bytes: Uint8Array,
  at: number,
  width: number,
  little: boolean,
  value: number,
): void {
  for (let i = 0; i < width; i++) {
    // Storing the value keeps only its low byte. Below 2^32, a shift replaces
    // the division.
    bytes[little ? at + i : at + width - 1 - i] = value;
    value = value <= 0xffffffff ? value >>> 8 : Math.floor(value / 256);
  }
}

/** Returns the largest safe integer that fits in `width` bytes. */
export function maxUint(width: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, 256 ** width - 1);
}

/** Returns a view; about twice as fast as `subarray()`. */
export function view(
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Returns whether `expected` begins with the `count` bytes from `start`. */
export function startsWith(
  bytes: Uint8Array,
  start: number,
  count: number,
  expected: Uint8Array,
): boolean {
  for (let i = 0; i < count; i++) {
    if (bytes[start + i] !== expected[i]) return false;
  }
  return true;
}

/** Returns the offset of a byte between `from` and `end`, or -1. */
export function indexOfByte(
  bytes: Uint8Array,
  byte: number,
  from: number,
  end: number,
): number {
  // Short scans are faster in a loop. Longer ones use a view, because `indexOf`
  // on the whole array would also search the bytes after `end`.
  if (end - from < 32) {
    for (let i = from; i < end; i++) if (bytes[i] === byte) return i;
    return -1;
  }
  if (end === bytes.length) return bytes.indexOf(byte, from);
  const found = view(bytes, from, end).indexOf(byte);
  return found === -1 ? -1 : from + found;
}
