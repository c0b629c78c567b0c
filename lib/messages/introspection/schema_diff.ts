/**
 * Describes the differences between two JSON Schemas, field by field.
 *
 * @module
 */
import { canonicalSchema } from "../schema/canonical_json.ts";
import { isRecord, type JsonSchema } from "../schema/json_schema.ts";
import { printable } from "../support/printable.ts";

/** Names of the two ends in the descriptions. */
export interface Ends {
  /** Name of the calling end. */
  readonly caller: string;
  /** Name of the handling end. */
  readonly callee: string;
}

/** One field of a schema. */
interface Field {
  /** Canonical text of the keywords, without the keywords of nested fields. */
  readonly rule: string;
  /** Type of the field in readable form: `string`, `number | null`. */
  readonly kind: string;
  readonly required: boolean;
}

/** Number of nested levels to compare; deeper fields are compared as a whole. */
const MAX_DEPTH = 16;

/**
 * Returns a description of each difference between two schemas.
 *
 * The list is empty if the schemas are equivalent, or if either is unknown.
 *
 * @param what the value that the schemas describe, such as `"input"`
 */
export function schemaDifferences(
  what: string,
  caller: JsonSchema | null,
  callee: JsonSchema | null,
  ends: Ends,
): string[] {
  if (caller === null || callee === null) return [];
  if (canonicalSchema(caller) === canonicalSchema(callee)) return [];
  const [ours, theirs] = [fieldsOf(caller), fieldsOf(callee)];
  const found: string[] = [];
  for (const path of new Set([...ours.keys(), ...theirs.keys()])) {
    const difference = compare(ours.get(path), theirs.get(path), ends);
    if (difference !== "") {
      found.push(
        `${
          path === "" ? what : `${what} field ${printable(path)}`
        } ${difference}`,
      );
    }
  }
  return found.length > 0 ? found : [`${what} changed`];
}

function compare(
  caller: Field | undefined,
  callee: Field | undefined,
  ends: Ends,
): string {
  if (caller === undefined) {
    return `is known to the ${ends.callee} only${
      callee?.required ? ", which requires it" : ""
    }`;
  }
  if (callee === undefined) {
    return `is known to the ${ends.caller} only${
      caller.required ? ", which requires it" : ""
    }`;
  }
  if (caller.rule !== callee.rule) {
    return caller.kind === callee.kind
      ? `changed: different rules for ${printable(caller.kind)}`
      : `changed: ${printable(caller.kind)} on the ${ends.caller}, ${
        printable(callee.kind)
      } on the ${ends.callee}`;
  }
  if (caller.required === callee.required) return "";
  const [strict, lax] = caller.required
    ? [ends.caller, ends.callee]
    : [ends.callee, ends.caller];
  return `changed: required on the ${strict}, optional on the ${lax}`;
}

function fieldsOf(schema: JsonSchema): Map<string, Field> {
  const fields = new Map<string, Field>();
  collect(schema, "", true, 0, fields);
  return fields;
}

function collect(
  schema: unknown,
  path: string,
  required: boolean,
  depth: number,
  fields: Map<string, Field>,
): void {
  if (!isRecord(schema) || depth > MAX_DEPTH) {
    const kind = depth > MAX_DEPTH ? "nested value" : "any value";
    fields.set(path, { rule: canonicalSchema(schema), kind, required });
    return;
  }
  const { properties, required: names, items, ...rules } = schema;
  const rule = canonicalSchema(rules);
  fields.set(path, { rule, kind: kindOf(schema), required });
  if (isRecord(properties)) {
    const must = new Set(Array.isArray(names) ? names : []);
    for (const [name, field] of Object.entries(properties)) {
      const inner = path === "" ? name : `${path}.${name}`;
      collect(field, inner, must.has(name), depth + 1, fields);
    }
  }
  if (items !== undefined) {
    collect(items, `${path}[]`, true, depth + 1, fields);
  }
}

function kindOf(schema: JsonSchema): string {
  const { type, enum: values, const: value, anyOf } = schema;
  if (value !== undefined) return JSON.stringify(value);
  if (Array.isArray(values)) return values.map(asText).join(" | ");
  if (typeof type === "string") return type;
  if (Array.isArray(type)) {
    return type.map((each) => typeof each === "string" ? each : asText(each))
      .join(" | ");
  }
  if (Array.isArray(anyOf)) {
    return anyOf.map((each) => isRecord(each) ? kindOf(each) : "any value")
      .join(" | ");
  }
  return "any value";
}

function asText(value: unknown): string {
  return JSON.stringify(value) ?? "undefined";
}
