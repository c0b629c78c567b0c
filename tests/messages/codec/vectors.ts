/**
 * Reads the values of `tests/vectors/msgpack.json`.
 *
 * @module
 */
import vectors from "../../vectors/msgpack.json" with { type: "json" };
import { hex } from "./hex.ts";

/** One value and its encodings. */
export interface VectorCase {
  /** The value. */
  value: unknown;
  /** Bodies that decode to it; the codec writes the first. */
  forms: Uint8Array[];
  /** Bodies with the same number as a 64-bit integer. */
  int64: Uint8Array[];
  /** Bodies that decode to it with a loss. */
  also: Uint8Array[];
}

/** A body that must be rejected. */
export interface RefusedVector {
  /** Description. */
  what: string;
  /** The error's code. */
  code: string;
  /** The body. */
  body: Uint8Array;
}

/** Groups of cases, by name. */
export const GROUPS: readonly { name: string; cases: VectorCase[] }[] = vectors
  .groups.map(({ name, cases }) => ({
    name,
    cases: (cases as RawCase[]).map(readCase), // the compiler's type is a union of all cases
  }));

/** Bodies that must be rejected. */
export const REFUSED_VECTORS: readonly RefusedVector[] = vectors.refused.map((
  { what, code, body },
) => ({ what, code, body: hex(body) }));

interface RawCase {
  value: unknown;
  forms: string[];
  int64?: string[];
  also?: string[];
}

function readCase(
  { value, forms, int64 = [], also = [] }: RawCase,
): VectorCase {
  return {
    value: readValue(value),
    forms: forms.map(hex),
    int64: int64.map(hex),
    also: also.map(hex),
  };
}

function readValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readValue);
  if (typeof value !== "object" || value === null) return value;
  const [[form, content] = ["", undefined]] = Object.entries(value);
  switch (form) {
    case "bigint":
      return BigInt(content);
    case "number":
      return Number(content);
    case "bytes":
      return hex(content);
    case "date":
      return new Date(content);
    case "repeat":
      return content[0].repeat(content[1]);
    case "undefined":
      return undefined;
    case "object":
      return Object.fromEntries(
        content.map(([key, part]: [string, unknown]) => [key, readValue(part)]),
      );
    default:
      throw new Error(`Cannot read a vector's value of form '${form}'`);
  }
}
