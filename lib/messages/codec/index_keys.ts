/**
 * Keys that are array indices, such as "7".
 *
 * V8 stores the values of such keys in a list with room for every smaller index:
 * the object `{ "999": null }` holds 12 KB. An object whose list is a hash table
 * holds 72 bytes for each key at most.
 *
 * @module
 */

/** Maximum number of digits of an array index. */
const MAX_DIGITS = 10;
/** Largest array index (ECMA-262, 6.1.7). */
const MAX_INDEX = 0xffff_fffe;
const ZERO = 0x30, NINE = 0x39;
/** Constructor of objects without room for properties. */
const Empty = /* @__PURE__ */ emptyConstructor();

function emptyConstructor(): new () => Record<string, unknown> {
  const Empty = function () {};
  Empty.prototype = Object.prototype;
  return Empty as unknown as new () => Record<string, unknown>; // a function is a constructor
}

/** Returns the array index that a key in ASCII spells, or -1. */
export function indexAt(bytes: Uint8Array, start: number, end: number): number {
  const first = bytes[start]!;
  if (first < ZERO || first > NINE || end - start > MAX_DIGITS) return -1;
  if (first === ZERO) return end - start === 1 ? 0 : -1;
  let index = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte < ZERO || byte > NINE) return -1;
    index = index * 10 + (byte - ZERO);
  }
  return index <= MAX_INDEX ? index : -1;
}

/** Returns whether a key is an array index. */
export function isIndex(key: string): boolean {
  const first = key.charCodeAt(0);
  if (!(first >= ZERO && first <= NINE) || key.length > MAX_DIGITS) {
    return false;
  }
  const index = Number(key) >>> 0;
  return index <= MAX_INDEX && String(index) === key;
}

/** Creates an object that holds 24 bytes until it has a property. */
export function emptyObject(): Record<string, unknown> {
  return new Empty();
}

/** Makes an object keep its index keys in a hash table. */
export function makeSparse(object: Record<string, unknown>): void {
  // V8 switches to a hash table for an index far above the others, and stays
  // with it for indices of more than 2^29.
  object[MAX_INDEX] = null;
  delete object[MAX_INDEX];
}
