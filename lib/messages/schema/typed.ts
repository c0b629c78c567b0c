/**
 * Schemas that carry only a type.
 *
 * @module
 */
import type { StandardSchema } from "./standard_schema.ts";

/**
 * Returns a schema that only carries a type.
 *
 * It validates nothing at run time. Use it for a value that has no schema, if other
 * values of the same method have one.
 *
 * @typeParam T the type of the value
 * @returns a schema that accepts any value and returns it unchanged
 *
 * @example
 * ```ts
 * import { typed, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const price = unary({
 *   input: typed<{ sku: string }>(),
 *   output: typed<{ cents: number }>(),
 *   errors: { unknownSku: null },
 * });
 * assertEquals(price.input, undefined); // nothing to validate
 * ```
 *
 * @category Protocols
 */
export function typed<T>(): StandardSchema<T, T> {
  return UNCHECKED;
}

// One schema serves all types, since it returns any value unchanged.
// deno-lint-ignore no-explicit-any -- stands for every T
const UNCHECKED: StandardSchema<any, any> = /* @__PURE__ */ Object.freeze({
  "~standard": /* @__PURE__ */ Object.freeze({
    version: 1,
    vendor: "lengthwise",
    validate: (value: unknown) => ({ value }),
  }),
});

/** Returns whether a schema was made by {@linkcode typed}. */
export function isUnchecked(schema: StandardSchema): boolean {
  return schema === UNCHECKED;
}
