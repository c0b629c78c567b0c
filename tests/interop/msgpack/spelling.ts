/**
 * The text form by which both ends compare values, as in `peer.py`.
 *
 * @module
 */
import { toHex } from "../../messages/codec/hex.ts";

/** Formats a value; numbers take the form that the codec writes. */
export function spell(value: unknown): string {
  switch (typeof value) {
    case "undefined":
      return "x0:00";
    case "boolean":
      return String(value);
    case "bigint":
      return `i${value}`;
    case "number":
      return isWritten32(value) ? `i${value + 0}` : `f${float64(value)}`;
    case "string":
      return `s${toHex(new TextEncoder().encode(value))}`;
  }
  if (value === null) return "null";
  if (value instanceof Uint8Array) return `b${toHex(value)}`;
  if (value instanceof Date) return `t${value.getTime()}`;
  if (Array.isArray(value)) return `[${value.map(spell).join(",")}]`;
  return `{${
    Object.entries(value as object) // only plain data remains
      .map(([key, part]) => `${spell(key)}:${spell(part)}`).join(",")
  }}`;
}

/** Whether the codec writes a number as an integer. */
function isWritten32(value: number): boolean {
  return Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32;
}

function float64(value: number): string {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return toHex(bytes);
}
