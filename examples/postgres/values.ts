/**
 * Conversion between SQL and JavaScript values. On the wire, values are text
 * whose meaning depends on the column's type (`pg_type.oid`).
 *
 * @module
 */

/** Value of a parameter. */
export type Parameter =
  | null
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array;

/** Value of a column; objects result from `JSON.parse` and bytea. */
export type Value = null | string | number | bigint | boolean | object;

const FROM_TEXT: ReadonlyMap<number, (text: string) => Value> = new Map<
  number,
  (text: string) => Value
>([
  [16, (text) => text === "t"], // bool
  [17, (text) => Uint8Array.fromHex(text.slice(2))], // bytea: \x6869
  [20, BigInt], // int8
  [21, Number], // int2
  [23, Number], // int4
  [26, Number], // oid
  [114, (text) => JSON.parse(text)], // json
  [700, Number], // float4
  [701, Number], // float8
  [3802, (text) => JSON.parse(text)], // jsonb
]);

/** Decodes a column; types without a JavaScript equivalent remain text. */
export function fromText(text: string, type: number): Value {
  return FROM_TEXT.get(type)?.(text) ?? text;
}

/** Encodes a parameter as text, whatever type the server infers for it. */
export function toText(value: Parameter): string | null {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${value.toHex()}`;
  return value === null ? null : String(value);
}
