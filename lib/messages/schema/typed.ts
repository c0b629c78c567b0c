/**
 * Types in the place of a schema.
 *
 * @module
 */
import type { StandardSchema } from "./standard_schema.ts";

/**
 * Says a type where a schema is asked for, and checks nothing at run time: for
 * methods of which only a part has a schema.
 *
 * @returns a schema that accepts every value as it is
 *
 * @example
 * ```ts
 * import { typed, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const price = unary({
 *   input: typed<{ sku: string }>(),
 *   output: typed<{ cents: number }>(),
 *   errors: { unknownSku: null },
 * });
 * assertEquals(price.input, undefined); // nothing to check
 * ```
 */
export function typed<T>(): StandardSchema<T, T> {
  return UNCHECKED;
}

// One for all types: it holds nothing, and lets a `T` through as it is.
// deno-lint-ignore no-explicit-any -- stands for every T
const UNCHECKED: StandardSchema<any, any> = Object.freeze({
  "~standard": Object.freeze({
    version: 1,
    vendor: "lengthwise",
    validate: (value: unknown) => ({ value }),
  }),
});

/** Whether a schema only carries a type. */
export function isUnchecked(schema: StandardSchema): boolean {
  return schema === UNCHECKED;
}
