/**
 * JSON Schemas of a method's values on the wire.
 *
 * @module
 */
import {
  type JsonSchema,
  jsonSchemaOf,
  type SchemaEnd,
} from "../schema/json_schema.ts";
import type { ErrorSchemas, MethodDeclaration } from "./method.ts";
import type { StandardSchema } from "../schema/standard_schema.ts";

/**
 * JSON Schemas of a method's values on the wire.
 *
 * A member is `null` if the method declares no schema for it, or if the schema
 * library cannot convert the schema to JSON Schema.
 *
 * @category Declarations
 */
export interface MethodSchemas {
  /**
   * Schema of the input, or of each item that the caller sends.
   *
   * It describes the value before validation.
   */
  readonly input: JsonSchema | null;
  /**
   * Schema of the output, or of each item that the handler sends.
   *
   * It describes the value after validation.
   */
  readonly output: JsonSchema | null;
  /** Schema of the opening of a `clientStream` or `duplex` call. */
  readonly opening: JsonSchema | null;
  /** Schema of each declared error's data, by name; an object without a prototype. */
  readonly errors: Readonly<Record<string, JsonSchema | null>>;
}

/** Returns the JSON Schemas of a method's values. */
export function methodSchemas(method: MethodDeclaration): MethodSchemas {
  const { input, output, opening, errors = {} } = method;
  return {
    input: describe(input, "input"),
    output: describe(output, "output"),
    opening: describe(opening, "input"),
    errors: describeErrors(errors),
  };
}

function describeErrors(errors: ErrorSchemas): MethodSchemas["errors"] {
  const described: Record<string, JsonSchema | null> = Object.create(null);
  for (const [name, schema] of Object.entries(errors)) {
    described[name] = describe(schema, "output");
  }
  return described;
}

function describe(
  schema: StandardSchema | null | undefined,
  end: SchemaEnd,
): JsonSchema | null {
  return schema ? jsonSchemaOf(schema, end) ?? null : null;
}
