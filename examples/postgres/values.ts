/**
 * SQL values as JavaScript values. On the wire they are text, whose meaning
 * hangs on the column's type (`pg_type.oid`).
 *
 * @module
 */

/** What a parameter may be. */
export type Parameter =
  | null
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array;

/** What a column may hold: anything that `JSON.parse` gives, and the rest of these. */
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

/** A value of a column; types that JavaScript has no match for stay text. */
export function fromText(text: string, type: number): Value {
  return FROM_TEXT.get(type)?.(text) ?? text;
}

/** A parameter as the server reads it, whatever type it infers for it. */
export function toText(value: Parameter): string | null {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${value.toHex()}`;
  return value === null ? null : String(value);
}
