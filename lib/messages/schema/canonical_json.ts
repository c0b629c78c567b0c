/**
 * Canonical text form of JSON Schemas.
 *
 * Schemas with the same text accept the same values. Schemas with different
 * texts may also accept the same values.
 *
 * @module
 */
import { isRecord } from "./json_schema.ts";

/**
 * Keywords that do not affect which values are valid.
 *
 * Source: JSON Schema 2020-12, Validation §9, Core §8
 */
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

/** Keywords whose members have user-chosen names instead of keywords. */
const NAMED: ReadonlySet<string> = new Set([
  "properties",
  "patternProperties",
  "dependentSchemas",
  "$defs",
  "definitions",
]);

/** Keywords whose value is a list in which order has no meaning. */
const SETS: ReadonlySet<string> = new Set([
  "required",
  "enum",
  "type",
  "anyOf",
  "oneOf",
  "allOf",
]);

/** Keywords whose value is data and contains no keywords. */
const DATA: ReadonlySet<string> = new Set(["const", "enum"]);

/**
 * Returns the canonical text of a JSON Schema.
 *
 * Keys are sorted, annotations are omitted, and lists whose order has no
 * meaning are sorted.
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
