/**
 * JSON Schemas of a method's values on the wire.
 *
 * @module
 */
import { canonicalSchema } from "../schema/canonical_json.ts";
import { json } from "../codec/json.ts";
import {
  isRecord,
  type JsonSchema,
  jsonSchemaOf,
  type SchemaEnd,
} from "../schema/json_schema.ts";
import type { ErrorSchemas, MethodDeclaration } from "./method.ts";
import type { StandardSchema } from "../schema/standard_schema.ts";

/**
 * JSON Schemas of a method's values on the wire.
 *
 * A member is `null` if the method declares no schema for it, or the schema
 * library cannot convert the schema to JSON Schema.
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
  /** Schema of the opening of a `clientStream` or `duplex`. */
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

/** Its default limits allow any schema that fits into a handshake. */
const codec = json();
const NO_TEXT = new Uint8Array(0);

/**
 * Encodes schemas for a handshake, as UTF-8; empty if none are known.
 *
 * Keywords that do not affect validation (descriptions, examples) are omitted.
 */
export function schemasText(schemas: MethodSchemas): Uint8Array {
  const { input, output, opening, errors } = schemas;
  const none = input === null && output === null && opening === null &&
    Object.keys(errors).length === 0;
  if (none) return NO_TEXT;
  const texts = Object.entries({ input, output, opening })
    .map(([part, schema]) => `"${part}":${canonicalSchema(schema)}`);
  const ofErrors = Object.entries(errors)
    .map(([name, schema]) =>
      `${JSON.stringify(name)}:${canonicalSchema(schema)}`
    );
  return new TextEncoder().encode(
    `{${texts.join()},"errors":{${ofErrors.join()}}}`,
  );
}

/**
 * Decodes the schemas that a peer has sent for a method.
 *
 * @returns the schemas, or `undefined` if the text is invalid; schemas only
 * help to describe differences, so an error should not fail the handshake
 */
export function readSchemas(text: Uint8Array): MethodSchemas | undefined {
  let value: unknown;
  try {
    value = codec.decode(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  const { input, output, opening, errors } = value;
  return {
    input: schemaOrNull(input),
    output: schemaOrNull(output),
    opening: schemaOrNull(opening),
    errors: readErrors(isRecord(errors) ? errors : {}),
  };
}

function readErrors(
  errors: Readonly<Record<string, unknown>>,
): MethodSchemas["errors"] {
  const read: Record<string, JsonSchema | null> = Object.create(null);
  for (const [name, schema] of Object.entries(errors)) {
    read[name] = schemaOrNull(schema);
  }
  return read;
}

function schemaOrNull(value: unknown): JsonSchema | null {
  return isRecord(value) ? value : null;
}
