/**
 * Conversion of schemas to JSON Schema.
 *
 * It works with libraries that implement Standard JSON Schema, an extension of
 * Standard Schema: zod since 4.2, arktype since 2.1.28.
 *
 * Source: https://standardschema.dev/json-schema
 *
 * @module
 */
import type { StandardSchema } from "./standard_schema.ts";

/**
 * A JSON Schema, draft 2020-12.
 *
 * @category Schemas
 */
export interface JsonSchema {
  /** Value of a keyword. */
  readonly [keyword: string]: unknown;
}

/** End of a schema: the values before (input) or after (output) validation. */
export type SchemaEnd = "input" | "output";

/**
 * Returns the JSON Schema of a schema.
 *
 * @param schema a schema of any library
 * @param end whether to describe the values before or after validation
 * @returns the JSON Schema, or `undefined` if the library cannot convert the
 * schema
 */
export function jsonSchemaOf(
  schema: StandardSchema,
  end: SchemaEnd,
): JsonSchema | undefined {
  const standard: { readonly vendor: string; readonly jsonSchema?: unknown } =
    schema["~standard"];
  const converter = standard.jsonSchema;
  if (!isRecord(converter)) return undefined;
  const convert = converter[end];
  if (typeof convert !== "function") return undefined;
  try {
    const described: unknown = convert.call(converter, {
      target: "draft-2020-12",
      // zod then describes values that JSON cannot represent (bytes, dates) as "any value"
      libraryOptions: { unrepresentable: "any" },
    });
    return isRecord(described) ? described : undefined;
  } catch {
    return undefined; // the standard allows a library to throw for a schema that it cannot convert
  }
}

/** Returns whether a value is an object other than an array. */
export function isRecord(
  value: unknown,
): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
