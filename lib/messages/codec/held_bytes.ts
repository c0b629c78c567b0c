/**
 * Heap bytes that decoded values hold, for budgets.
 *
 * The constants were measured with V8 15.0 in Deno 2.9 on a 64-bit machine
 * (no pointer compression: a slot has 8 bytes). `deno task heap` measures each
 * kind of value again and prints its charge beside what it holds.
 *
 * @module
 */

/** Maximum number of bytes held for each byte of a body. */
export const HELD_PER_BYTE = 40;
/**
 * Bytes added to a body's length before `HELD_PER_BYTE` applies.
 *
 * A small body may contain costly values, such as 512 nested arrays.
 */
const ALLOWANCE = 256;

/** Bytes added to a body's length for what msgpackr's values usually hold. */
const USUAL = 64;
/** Maximum size of bodies whose keys all count as new; a table would take longer. */
export const FEW_KEYS = 512;
/** Number of properties that have slots in an object literal. */
const OWN_SLOTS = 4;

/** A slot in an array or object; it contains a small integer or a constant. */
export const SLOT = 8;
/** A boxed number; in an array of only floats, numbers are not boxed. */
export const BOXED = 16;
/** A string's header and padding; strings of up to one character are shared. */
export const STRING = 23;
/** A bigint of 64 bits. */
export const BIGINT = 24;
/** A `Date` with its cached fields. */
export const DATE = 104;
/**
 * A `Uint8Array` with its own buffer, without its bytes; 208 were measured.
 *
 * Creating one takes longer than creating other objects of that size. Twice the
 * size is charged, so that a body of many tiny ones is rejected.
 */
export const BINARY = 400;
/** A non-empty array and the header of its list of items. */
export const ARRAY = 48;
/**
 * An array that `JSON.parse` makes; up to 48 were measured. More is charged, so
 * that a body of nothing but nested arrays, which takes long, is rejected.
 */
export const PARSED_ARRAY = 80;
/** An empty array, which has no list. */
export const EMPTY_ARRAY = 32;
/** An object literal, with slots for 4 properties. */
export const OBJECT = 56;
/** An object without slots for properties. */
export const BARE_OBJECT = 24;
/**
 * An empty key in MessagePack, which holds nothing.
 *
 * It is charged, so that a body of nothing but objects of two bytes, which takes
 * long, is rejected.
 */
export const EMPTY_KEY = 32;
/** The first of an object's keys that begins a new hidden class. */
const FIRST_NEW_KEY = 160;
/** More for each property before that key. */
const KEY_BEFORE = 28;
/** Each further new key of that object. */
const NEXT_NEW_KEY = 168;
/** A JSON key with escapes; it may be an index key. */
export const ESCAPED_KEY = 304;
/** Upper bound of the bytes of an object or a key. */
export const MOST_PER_KEY = 200;
/** An entry of a hash table: key, value and details. */
const ENTRY = 24;
/** The header of a hash table. */
const TABLE = 64;

/** Returns the bytes that a body of `length` bytes may hold. */
export function allowedBytes(length: number, maxHeld: number): number {
  return Math.min(maxHeld, HELD_PER_BYTE * (length + ALLOWANCE));
}

/**
 * Returns the bytes of a step in a hidden class: a key in its position.
 *
 * @param position number of properties before it
 * @param isFirst whether all earlier keys of the object are a known sequence
 */
export function newKeyBytes(position: number, isFirst: boolean): number {
  return isFirst ? FIRST_NEW_KEY + KEY_BEFORE * position : NEXT_NEW_KEY;
}

/** Returns the bytes of an object with `count` properties, up to 17. */
export function objectBytes(count: number): number {
  if (count <= OWN_SLOTS) return OBJECT;
  return OBJECT + 16 + SLOT * 3 * Math.ceil((count - OWN_SLOTS) / 3);
}

/**
 * Returns the bytes of a string.
 *
 * @param length number of UTF-16 code units
 * @param unit bytes of each: 1 if all are below 256, otherwise 2
 */
export function textBytes(length: number, unit: 1 | 2): number {
  return length <= 1 && unit === 1 ? 0 : STRING + unit * length & -8;
}

/** Returns the bytes that a body's values usually hold at most. */
export function usualBytes(length: number): number {
  return HELD_PER_BYTE * (length + USUAL);
}

/** Returns the capacity of a hash table with `count` keys. */
function capacityFor(count: number): number {
  const least = Math.ceil(count * 1.5) - 1; // below 2^31, as bodies are shorter
  return Math.max(4, 1 << 32 - Math.clz32(least));
}

/** Returns the bytes of a hash table with `count` keys. */
export function tableBytes(count: number): number {
  return TABLE + ENTRY * capacityFor(count);
}

/**
 * Returns the bytes of a list to which index keys are added.
 *
 * V8 adds half of the size and 16 slots whenever a list grows. For a young
 * object it switches to a hash table if the list would have more than 5,000
 * slots and nine times those of the hash table.
 */
export function grownListBytes(count: number, largest: number): number {
  const slots = Math.min(
    (largest + 1) * 1.5 + 17,
    Math.max(5000, 9 * capacityFor(count)),
  );
  return 16 + SLOT * slots;
}

/**
 * Returns the bytes of a list of index keys from `JSON.parse`.
 *
 * The number of keys is known when V8 chooses between a list and a hash table.
 */
export function exactListBytes(count: number, largest: number): number {
  const slots = largest + 1;
  return slots < 9 * capacityFor(count) ? 16 + SLOT * slots : tableBytes(count);
}
