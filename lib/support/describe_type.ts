/**
 * Names the types of values in error messages.
 *
 * @module
 */

/** Returns a value's type, such as `"null"`, `"an array"` or `"a value of type string"`. */
export function describeType(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (typeof value === "function") return "a function";
  return Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
