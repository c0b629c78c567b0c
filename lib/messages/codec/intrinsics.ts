/**
 * Reads facts about a value that the value's own properties cannot fake.
 *
 * If a value could claim to be longer than it is, unrelated memory would be
 * sent.
 *
 * @module
 */
const { getTime } = Date.prototype;
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype);
const toStringTag = getterOf(Symbol.toStringTag);
const byteLength = getterOf("byteLength");

/** Returns the built-in class name of a typed array; `undefined` for other values. */
export function classOf(value: object): unknown {
  return toStringTag.call(value);
}

/** Returns the length of a typed array in bytes. */
export function lengthOf(value: object): number {
  return Number(byteLength.call(value));
}

/**
 * Returns the time of a `Date`.
 *
 * @throws {TypeError} if the value is not a `Date`
 */
export function timeOf(value: object): number {
  return getTime.call(value);
}

/** Returns a getter that all typed arrays share (ECMA-262, 23.2.3). */
function getterOf(key: PropertyKey): () => unknown {
  return Object.getOwnPropertyDescriptor(typedArray, key)!.get!; // both properties have a getter
}
