/**
 * What the engine itself says of a value, which no property of the value can
 * shadow. A length that a value gives for itself would, if it is too large,
 * send whatever memory stood there.
 *
 * @module
 */
const { getTime } = Date.prototype;
const typedArray: object = Object.getPrototypeOf(Uint8Array.prototype);
const toStringTag = getterOf(Symbol.toStringTag);
const byteLength = getterOf("byteLength");

/** The class of a typed array, subclasses included; `undefined` for what is none. */
export function classOf(value: object): unknown {
  return toStringTag.call(value);
}

/** The length of a typed array in bytes. */
export function lengthOf(value: object): number {
  return Number(byteLength.call(value));
}

/**
 * The time of a `Date`.
 *
 * @throws {TypeError} for what is none
 */
export function timeOf(value: object): number {
  return getTime.call(value);
}

/** A getter of all typed arrays (ECMA-262, 23.2.3). */
function getterOf(key: PropertyKey): () => unknown {
  return Object.getOwnPropertyDescriptor(typedArray, key)!.get!; // both have one
}
