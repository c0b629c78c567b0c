/**
 * JSON for every value that a message can carry, in both directions.
 *
 * | value | JSON |
 * | --- | --- |
 * | bigint | `{"$bigint":"12345678901234567890"}` |
 * | bytes | `{"$bytes":"base64"}` |
 * | Date | `{"$date":"2026-01-31T12:00:00.000Z"}`, or `null` for an invalid date |
 * | undefined | `{"$undefined":true}` |
 * | NaN, ±Infinity, -0 | `{"$number":"NaN"}` |
 * | key that begins with `$` | the key with another `$` before it |
 *
 * @module
 */
import { usage } from "./errors.ts";
import { describeType } from "../support/describe_type.ts";

/** A value of JSON. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

const NUMBERS: readonly number[] = [NaN, Infinity, -Infinity, -0];

/**
 * Returns a value as JSON.
 *
 * @throws {TypeError} if no message can carry the value, such as a function
 */
export function toJson(value: unknown): Json {
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "undefined":
      return { $undefined: true };
    case "bigint":
      return { $bigint: String(value) };
    case "number":
      return NUMBERS.some((each) => Object.is(each, value))
        ? { $number: Object.is(value, -0) ? "-0" : String(value) }
        : value;
    case "object":
      return value === null ? null : objectToJson(value);
    default:
      throw new TypeError(`Cannot print ${describeType(value)} as JSON`);
  }
}

function objectToJson(value: object): Json {
  if (Array.isArray(value)) return Array.from(value, toJson);
  if (value instanceof Uint8Array) return { $bytes: value.toBase64() };
  if (value instanceof Date) {
    return { $date: isNaN(value.getTime()) ? null : value.toISOString() };
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key.startsWith("$") ? `$${key}` : key,
      toJson(member),
    ]),
  );
}

/**
 * Returns the value that JSON represents.
 *
 * @throws {CliError} with the code `usage` if a key that begins with a single
 * `$` is unknown or has an invalid value
 */
export function fromJson(json: unknown): unknown {
  if (typeof json !== "object" || json === null) return json;
  if (Array.isArray(json)) return json.map(fromJson);
  const entries = Object.entries(json);
  const [first] = entries;
  if (entries.length === 1 && first !== undefined && isMark(first[0])) {
    return fromMark(first[0], first[1]);
  }
  return Object.fromEntries(entries.map(([key, member]) => {
    if (isMark(key)) {
      throw usage(
        `Cannot read the key ${
          JSON.stringify(key)
        } of an object with several keys`,
        'write a key that begins with "$" with another "$" before it',
      );
    }
    return [key.startsWith("$$") ? key.slice(1) : key, fromJson(member)];
  }));
}

/** Returns whether a key marks a value that JSON lacks. */
function isMark(key: string): boolean {
  return key.startsWith("$") && !key.startsWith("$$");
}

function fromMark(mark: string, given: unknown): unknown {
  const text = typeof given === "string" ? given : "";
  switch (mark) {
    case "$bigint":
      if (/^-?\d+$/.test(text)) return BigInt(text);
      break;
    case "$bytes":
      try {
        if (typeof given === "string") return Uint8Array.fromBase64(text);
      } catch { /* reported below */ }
      break;
    case "$date": {
      const date = new Date(given === null ? NaN : text);
      if (given === null || !isNaN(date.getTime())) return date;
      break;
    }
    case "$number": {
      const number = NUMBERS.find((each) =>
        text === (Object.is(each, -0) ? "-0" : String(each))
      );
      if (number !== undefined) return number;
      break;
    }
    case "$undefined":
      if (given === true) return undefined;
      break;
    default:
      throw usage(
        `Unknown key ${JSON.stringify(mark)}`,
        `expected one of $bigint, $bytes, $date, $number and $undefined; write a key that begins with "$" with another "$" before it`,
      );
  }
  throw usage(
    `Cannot read ${JSON.stringify({ [mark]: given })}: the value of ${
      JSON.stringify(mark)
    } is not valid`,
  );
}

/**
 * Returns the value that a JSON text represents.
 *
 * @param where the place of the text, for the error message
 * @throws {CliError} with the code `usage` if the text is not valid
 */
export function parseValue(text: string, where: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw usage(
      `Cannot read ${where} as JSON: ${
        error instanceof Error ? error.message : error
      }`,
      `text is written with quotes, as in '"tea"'; the value here is ${
        JSON.stringify(text.slice(0, 60))
      }`,
    );
  }
  return fromJson(json);
}
