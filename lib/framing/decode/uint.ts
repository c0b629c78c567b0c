/**
 * Unsigned integers of 1 to 8 bytes. Sums and products only: a shift would
 * make lengths from 2^31 negative. Values from 2^53 come out inexact, but never
 * below 2^53, so that a comparison with a limit still tells.
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
    // The store keeps the low byte; below 2^32 a shift does the division.
    bytes[little ? at + i : at + width - 1 - i] = value;
    value = value <= 0xffffffff ? value >>> 8 : Math.floor(value / 256);
  }
}

/** The most that so many bytes can hold, as far as a number can say it. */
export function maxUint(width: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, 256 ** width - 1);
}

/** Bytes of a buffer, not copied; about twice as fast as `subarray`. */
export function view(
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start);
}

/** Whether `count` bytes from `start` are the first of `expected`. */
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

/** Where a byte is from `from` on and before `end`, or -1. */
export function indexOfByte(
  bytes: Uint8Array,
  byte: number,
  from: number,
  end: number,
): number {
  // Short scans are faster in a loop; a buffer's unused tail must not be read.
  if (end - from < 32) {
    for (let i = from; i < end; i++) if (bytes[i] === byte) return i;
    return -1;
  }
  if (end === bytes.length) return bytes.indexOf(byte, from);
  const found = view(bytes, from, end).indexOf(byte);
  return found === -1 ? -1 : from + found;
}
