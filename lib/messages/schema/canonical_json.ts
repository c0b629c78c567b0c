/**
 * JSON Schemas as texts that differ only where the schemas may mean something
 * else on the wire. Two ways to say the same may still give two texts.
 *
 * @module
 */
import { isRecord } from "./json_schema.ts";

/** Keywords that say nothing about which values are valid (JSON Schema 2020-12, Validation §9, Core §8). */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  "$schema",
  "$id",
  "$comment",
  "title",
  "description",
  "default",
  "deprecated",
  "readOnly",
  "writeOnly",
  "examples",
]);

/** Keywords whose members are named by the user: nothing in them is a keyword. */
const NAMED: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "dependentSchemas",
  "$defs",
  "definitions",
]);

/** Keywords whose value is a list in which order means nothing. */
const SETS: ReadonlySet<string> = new Set([
  "required",
  "enum",
  "type",
  "anyOf",
  "oneOf",
  "allOf",
]);

/** Keywords whose value is data: nothing in it is a keyword. */
const DATA: ReadonlySet<string> = new Set(["const", "enum"]);

/**
 * The canonical text of a JSON Schema: keys sorted, annotations left out, lists
 * that are sets sorted.
 */
export function canonicalSchema(schema: unknown): string {
  if (Array.isArray(schema)) return `[${schema.map(canonicalSchema).join()}]`;
  if (!isRecord(schema)) return canonicalData(schema);
  return members(schema, (key) => !ANNOTATIONS.has(key), keyword);
}

function keyword(key: string, value: unknown): string {
  if (NAMED.has(key) && isRecord(value)) {
    return members(value, () => true, (_, schema) => canonicalSchema(schema));
  }
  const text = DATA.has(key) ? canonicalData : canonicalSchema;
  return SETS.has(key) && Array.isArray(value)
    ? `[${value.map(text).sort().join()}]`
    : text(value);
}

function canonicalData(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalData).join()}]`;
  if (isRecord(value)) {
    return members(value, () => true, (_, each) => canonicalData(each));
  }
  return JSON.stringify(value) ?? "null";
}

function members(
  record: Readonly<Record<string, unknown>>,
  keeps: (key: string) => boolean,
  text: (key: string, value: unknown) => string,
): string {
  const parts = Object.keys(record)
    .filter((key) => keeps(key) && record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${text(key, record[key])}`);
  return `{${parts.join()}}`;
}
