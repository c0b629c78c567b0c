/**
 * What is known of a method's values as they travel.
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

/** Deep and large enough for any schema that a handshake has room for. */
const codec = json();
const NO_TEXT = new Uint8Array(0);

/**
 * Schemas as a handshake carries them: UTF-8, empty where none are known. What
 * says nothing about which values are valid (descriptions, examples) is left out.
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
 * Reads what a peer has sent of a method's schemas.
 *
 * @returns `undefined` for what is no such text: it is worth no failure
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
