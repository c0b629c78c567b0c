/**
 * What is known of a method's values as they travel.
 *
 * @module
 */
import {
  type JsonSchema,
  jsonSchemaOf,
  type SchemaEnd,
} from "./json_schema.ts";
import type { ErrorSchemas, MethodDeclaration } from "./method_types.ts";
import type { StandardSchema } from "./schema.ts";

/**
 * JSON Schemas of a method's values as they travel. A member is `null` where
 * there is no schema, or its library gives no JSON Schema for it.
 */
export interface MethodSchemas {
  /** Of the input, or of each item that the caller sends: what the schema accepts. */
  readonly input: JsonSchema | null;
  /** Of the output, or of each item that comes back: what the schema makes of the handler's. */
  readonly output: JsonSchema | null;
  /** Of what opens a `clientStream` or `duplex`. */
  readonly opening: JsonSchema | null;
  /** Of each declared error's data, by name; a table without a prototype. */
  readonly errors: Readonly<Record<string, JsonSchema | null>>;
}

/** Describes a method's values, as far as its schemas can. */
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
