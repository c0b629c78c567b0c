/**
 * TypeScript types and example values from JSON Schemas.
 *
 * A peer may have written the schema: names and values are quoted, and depth
 * and size are limited.
 *
 * @module
 */
import { isRecord } from "../messages/schema/json_schema.ts";
import { jsonLine } from "./display.ts";
import { type Json, toJson } from "./values.ts";

/** Largest depth of a type or an example. */
const MAX_DEPTH = 12;

/** Most parts of one type or example. */
const MAX_PARTS = 1000;

const IDENTIFIER = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

/** A place in a schema, and the parts that are left. */
interface Place {
  readonly root: unknown;
  readonly depth: number;
  readonly budget: { parts: number };
}

/** Returns the TypeScript type that a JSON Schema describes. */
export function typeText(schema: unknown): string {
  return typeOf(schema, {
    root: schema,
    depth: 0,
    budget: { parts: MAX_PARTS },
  });
}

/** Returns an example of the values that a JSON Schema describes. */
export function exampleOf(schema: unknown): Json {
  return example(schema, {
    root: schema,
    depth: 0,
    budget: { parts: MAX_PARTS },
  });
}

/** Returns the place of a part of a schema; `undefined` if there are too many. */
function inside(place: Place): Place | undefined {
  if (place.depth >= MAX_DEPTH || place.budget.parts-- <= 0) return undefined;
  return { ...place, depth: place.depth + 1 };
}

function typeOf(schema: unknown, place: Place): string {
  const inner = inside(place);
  if (!isRecord(schema) || inner === undefined) return "unknown";
  const target = resolved(schema, place.root);
  if (target !== schema) return typeOf(target, inner);
  if ("const" in schema) return literal(schema["const"]);
  const choices = schema["enum"];
  if (Array.isArray(choices)) return union(choices.map(literal));
  for (const keyword of ["anyOf", "oneOf"]) {
    const list = schema[keyword];
    if (Array.isArray(list)) {
      return union(list.map((each) => typeOf(each, inner)));
    }
  }
  const all = schema["allOf"];
  if (Array.isArray(all)) {
    return all.map((each) => typeOf(each, inner)).join(" & ") || "unknown";
  }
  const { type } = schema;
  if (Array.isArray(type)) {
    return union(type.map((each) => simpleType(each, schema, inner)));
  }
  return simpleType(type, schema, inner);
}

function simpleType(
  type: unknown,
  schema: Readonly<Record<string, unknown>>,
  place: Place,
): string {
  switch (type) {
    case "string":
    case "boolean":
    case "null":
      return type;
    case "number":
    case "integer":
      return "number";
    case "array":
      return arrayType(schema, place);
    case "object":
      return objectType(schema, place);
    default:
      return isRecord(schema["properties"])
        ? objectType(schema, place)
        : "unknown";
  }
}

function arrayType(
  { prefixItems, items }: Readonly<Record<string, unknown>>,
  place: Place,
): string {
  if (Array.isArray(prefixItems)) {
    return `[${prefixItems.map((each) => typeOf(each, place)).join(", ")}]`;
  }
  const item = typeOf(items, place);
  return IDENTIFIER.test(item) ? `${item}[]` : `Array<${item}>`;
}

function objectType(
  { properties, required, additionalProperties }: Readonly<
    Record<string, unknown>
  >,
  place: Place,
): string {
  const members = Object.entries(isRecord(properties) ? properties : {});
  if (members.length === 0) {
    return isRecord(additionalProperties)
      ? `Record<string, ${typeOf(additionalProperties, place)}>`
      : "Record<string, unknown>";
  }
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  const texts = members.map(([name, schema]) =>
    `${IDENTIFIER.test(name) ? name : jsonLine(name)}${
      needed.includes(name) ? "" : "?"
    }: ${typeOf(schema, place)}`
  );
  return `{ ${texts.join("; ")} }`;
}

function union(types: readonly string[]): string {
  return [...new Set(types)].join(" | ") || "never";
}

function literal(value: unknown): string {
  const simple = value === null || typeof value === "string" ||
    typeof value === "boolean" || Number.isFinite(value);
  return simple ? jsonLine(toJson(value)) : "unknown";
}

/** Follows a reference within the document, such as `#/$defs/Order`. */
function resolved(
  schema: Readonly<Record<string, unknown>>,
  root: unknown,
): unknown {
  const reference = schema["$ref"];
  if (typeof reference !== "string" || !reference.startsWith("#")) {
    return schema;
  }
  let target = root;
  for (const part of reference.split("/").slice(1)) {
    const key = part.replaceAll("~1", "/").replaceAll("~0", "~");
    target = isRecord(target) && Object.hasOwn(target, key)
      ? target[key]
      : undefined;
  }
  return target;
}

function example(schema: unknown, place: Place): Json {
  const inner = inside(place);
  if (!isRecord(schema) || inner === undefined) return null;
  const target = resolved(schema, place.root);
  if (target !== schema) return example(target, inner);
  const { examples, enum: choices } = schema;
  for (const list of [examples, choices]) {
    if (Array.isArray(list) && list.length > 0) return toJson(list[0]);
  }
  for (const keyword of ["default", "const"]) {
    if (keyword in schema) return toJson(schema[keyword]);
  }
  for (const keyword of ["anyOf", "oneOf", "allOf"]) {
    const list = schema[keyword];
    if (Array.isArray(list) && list.length > 0) return example(list[0], inner);
  }
  return simpleExample(schema, inner);
}

function simpleExample(
  schema: Readonly<Record<string, unknown>>,
  place: Place,
): Json {
  const { properties, items, minimum } = schema;
  const type = Array.isArray(schema["type"])
    ? schema["type"][0]
    : schema["type"];
  switch (type) {
    case "string":
      return "";
    case "boolean":
      return false;
    case "number":
    case "integer":
      return typeof minimum === "number" ? minimum : 0;
    case "array":
      return items === undefined ? [] : [example(items, place)];
  }
  return isRecord(properties)
    ? Object.fromEntries(
      Object.entries(properties).map((
        [name, each],
      ) => [name.startsWith("$") ? `$${name}` : name, example(each, place)]),
    )
    : type === "object"
    ? {}
    : null;
}
