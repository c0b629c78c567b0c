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

/** Returns the width of each column. */
function widthsOf(rows: readonly (readonly string[])[]): number[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return widths;
}

/** Returns a table whose columns are aligned. */
export function columnsOf(
  rows: readonly (readonly string[])[],
  gap = "  ",
): string[] {
  const widths = widthsOf(rows);
  return rows.map((row) =>
    row.map((cell, index) =>
      index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)
    ).join(gap).trimEnd()
  );
}

/**
 * Returns a table of aligned columns that fits into a width.
 *
 * Columns that do not fit follow below, beside the first column.
 */
export function tableOf(
  rows: readonly (readonly string[])[],
  width: number,
  gap = "  ",
): string[] {
  const widths = widthsOf(rows);
  const [first = 0] = widths;
  const lines: string[] = [];
  let from = 1;
  do {
    let to = from + 1;
    let taken = first + gap.length + (widths[from] ?? 0);
    while (to < widths.length) {
      taken += gap.length + widths[to]!; // below the length
      if (taken > width) break;
      to++;
    }
    if (lines.length > 0) lines.push("");
    lines.push(
      ...columnsOf(
        rows.map((row) => [...row.slice(0, 1), ...row.slice(from, to)]),
        gap,
      ),
    );
    from = to;
  } while (from < widths.length);
  return lines;
}

/** Returns names with their texts, divided into lines that fit. */
export function pairsOf(
  pairs: readonly (readonly [name: string, text: string])[],
  width: number,
  gap = "  ",
): string[] {
  const [first = 0] = widthsOf(pairs);
  const room = Math.max(MIN_TEXT, width - first - gap.length);
  return columnsOf(
    pairs.flatMap(([name, text]) =>
      wrapped(text, room).map((line, index) => [index === 0 ? name : "", line])
    ),
    gap,
  );
}

/** Narrowest column of wrapped text; a terminal may be narrower. */
const MIN_TEXT = 10;

/** A line of two columns: the text before the second one, and the rest. */
const TWO_COLUMNS = /^( *\S(?:.*?\S)? {2,})(\S.*)$/;

/**
 * Returns text in lines that fit, divided at spaces.
 *
 * Lines that are not indented form paragraphs, and the second column of other
 * lines continues below itself. Commands stay whole, so that they can be copied.
 *
 * @param command beginning of the lines that stay whole
 */
export function fittedText(
  text: string,
  columns: number,
  command: string,
): string {
  return joinedParagraphs(text, columns).flatMap((line) => {
    if (line.length <= columns || line.startsWith(command)) return [line];
    const [, before, after] = TWO_COLUMNS.exec(line) ?? [];
    if (before === undefined || after === undefined) {
      return wrapped(line, columns);
    }
    const beside = before.length + MIN_TEXT <= columns;
    const indent = beside ? before.length : Math.floor(columns / 2);
    const parts = wrapped(after, columns - indent);
    return [
      `${before}${beside ? parts.shift() : ""}`.trimEnd(),
      ...parts.map((part) => " ".repeat(indent) + part),
    ];
  }).join("\n");
}

/** Joins the lines of paragraphs that do not fit. */
function joinedParagraphs(text: string, columns: number): string[] {
  const lines: string[] = [];
  const isText = (line: string) => line !== "" && !line.startsWith(" ");
  let paragraph: string[] = [];
  const end = () => {
    const fits = paragraph.every(({ length }) => length <= columns);
    lines.push(...fits ? paragraph : [paragraph.join(" ")]);
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    if (isText(line)) {
      paragraph.push(line);
      continue;
    }
    end();
    lines.push(line);
  }
  end();
  return lines;
}

/** Divides a text at its spaces; longer words keep a line of their own. */
function wrapped(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1)!; // never empty
    if (last === "") lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
