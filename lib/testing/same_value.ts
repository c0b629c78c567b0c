/**
 * Equality of message values.
 *
 * @module
 */

/** Returns whether values are deeply equal; -0 equals 0, and NaN equals NaN. */
export function sameValue(actual: unknown, expected: unknown): boolean {
  if (actual === expected || Object.is(actual, expected)) return true;
  if (!isObject(actual) || !isObject(expected)) return false;
  if (actual instanceof Date && expected instanceof Date) {
    return actual.getTime() === expected.getTime();
  }
  if (actual instanceof Uint8Array && expected instanceof Uint8Array) {
    return sameBytes(actual, expected);
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return false;
  if (isLeaf(actual) || isLeaf(expected)) return false;
  const keys = Object.keys(actual);
  return keys.length === Object.keys(expected).length &&
    keys.every((key) =>
      Object.hasOwn(expected, key) && sameValue(actual[key], expected[key])
    );
}

/** Returns whether two arrays hold the same bytes. */
export function sameBytes(actual: Uint8Array, expected: Uint8Array): boolean {
  if (actual.length !== expected.length) return false;
  for (let index = 0; index < actual.length; index++) {
    if (actual[index] !== expected[index]) return false;
  }
  return true;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isLeaf(value: object): boolean {
  return value instanceof Date || ArrayBuffer.isView(value);
}
