/**
 * Recognition of errors that another copy of the library has created.
 *
 * A program may load two copies, for example one from each of two registries.
 * Their classes differ, so `instanceof` alone would not recognize the errors.
 *
 * @module
 */

/** An error of the library. */
interface ErrorOfKind {
  /** Name of its class, the same in all copies of the library. */
  readonly "~lengthwise": string;
}

/** A class of errors of the library. */
type ErrorClass = abstract new (...args: never[]) => ErrorOfKind;

/**
 * Returns whether a value is an instance in any copy.
 *
 * Subclasses of an application recognize only their own instances.
 *
 * @param asked the class to the right of `instanceof`
 * @param own the class of this copy
 * @param value the value to the left
 */
export function isOfKind(
  asked: unknown,
  own: ErrorClass,
  value: unknown,
): boolean {
  if (Function.prototype[Symbol.hasInstance].call(asked, value)) return true;
  return asked === own && value instanceof Error && "~lengthwise" in value &&
    value["~lengthwise"] === own.prototype["~lengthwise"];
}
