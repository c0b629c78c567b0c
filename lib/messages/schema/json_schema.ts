/**
 * JSON Schema of schemas that can give one, found by structure: the Standard
 * JSON Schema members of `~standard` (zod 4.2, arktype 2.1.28 and later), or
 * else nothing.
 *
 * Source: https://standardschema.dev/json-schema
 *
 * @module
 */
import type { StandardSchema } from "./standard_schema.ts";

/** A JSON Schema, draft 2020-12. */
export interface JsonSchema {
  /** Keywords and their values. */
  readonly [keyword: string]: unknown;
}

/** Which end of a schema: what it accepts, or what it makes of that. */
export type SchemaEnd = "input" | "output";

/**
 * The JSON Schema of a schema, where its library gives one.
 *
 * @param schema a schema of any library
 * @param end what it accepts, or what it makes of that
 * @returns `undefined` where the library gives none, or not for this schema
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
      // zod: bytes and dates, which JSON cannot hold but a codec can, become "anything"
      libraryOptions: { unrepresentable: "any" },
    });
    return isRecord(described) ? described : undefined;
  } catch {
    return undefined; // the standard lets a library refuse; then nothing is known
  }
}

/** Whether a value is an object with members to look at, and not a list. */
export function isRecord(
  value: unknown,
): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
