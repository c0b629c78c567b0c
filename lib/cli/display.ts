/**
 * Text for a terminal, in which a peer's characters cannot act.
 *
 * @module
 */
import type { Json } from "./values.ts";

/**
 * Characters that JSON keeps and a terminal may act on.
 *
 * They are DEL, C1 controls, line separators, and characters that change the
 * direction of text or are invisible.
 */
const ACTIVE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** Returns a JSON text in one line; active characters become `\u` escapes. */
export function jsonLine(json: Json): string {
  return escapeJson(JSON.stringify(json));
}

/** Returns a JSON text with indentation. */
export function jsonLines(json: Json): string {
  return JSON.stringify(json, null, 2).split("\n").map(escapeJson).join("\n");
}

/** Returns a JSON text in one line if that fits. */
export function jsonFor(columns: number, json: Json): string {
  const line = jsonLine(json);
  return line.length <= columns ? line : jsonLines(json);
}

function escapeJson(text: string): string {
  return text.replace(ACTIVE, (character) => {
    let escaped = "";
    for (let i = 0; i < character.length; i++) {
      escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`;
    }
    return escaped;
  });
}

/** Returns lines of hexadecimal digits and ASCII, 16 bytes each. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = [];
  for (let offset = 0; offset < bytes.length; offset += 16) {
    const part = bytes.subarray(offset, offset + 16);
    const digits = [...part].map((byte) => byte.toString(16).padStart(2, "0"))
      .join(" ");
    lines.push(
      `${offset.toString(16).padStart(8, "0")}  ${digits.padEnd(47)}  ${
        ascii(part)
      }\n`,
    );
  }
  return lines.join("");
}

/** Returns bytes as ASCII, with dots for unprintable ones. */
export function ascii(bytes: Uint8Array): string {
  return [...bytes].map((byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."
  ).join("");
}

/** Returns a line that fits into a number of columns. */
export function fitted(line: string, columns: number): string {
  return line.length <= columns
    ? line
    : `${line.slice(0, Math.max(0, columns - 1))}…`;
}

/** Returns text in a style of the terminal, if colors are used. */
export function styled(
  text: string,
  style: "bold" | "dim" | "red",
  color: boolean,
): string {
  const code = { bold: 1, dim: 2, red: 31 }[style];
  return color ? `\x1b[${code}m${text}\x1b[0m` : text;
}

/** Returns a table whose columns are aligned. */
export function columnsOf(
  rows: readonly (readonly string[])[],
  gap = "  ",
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row.map((cell, index) =>
      index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)
    ).join(gap).trimEnd()
  );
}
