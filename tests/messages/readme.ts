/**
 * Reads the tables of `lib/messages/README.md` and `PROTOCOL.md`, for tests that
 * compare the library with them.
 *
 * @module
 */

type Document = "README.md" | "PROTOCOL.md";

/** Returns the rows of all tables under a heading: the first cell, and the cells after it. */
export function tableRows(heading: string): Map<string, string[]> {
  const rows = tables(heading, "README.md").flatMap(([, ...rows]) => rows);
  return new Map(rows.map(([name = "", ...cells]) => [name, cells]));
}

/** Returns the tables under a heading; each is its head and its rows, split into cells. */
export function tables(heading: string, document: Document): string[][][] {
  const text = Deno.readTextFileSync(
    new URL(`../../lib/messages/${document}`, import.meta.url),
  );
  const [, after = ""] = text.split(`\n## ${heading}\n`);
  const [section = ""] = after.split("\n## ");
  const blocks = section.split(/\n(?!\|)/).map((block) => block.split("\n"));
  return blocks.map((lines) =>
    lines.filter((line) => line.startsWith("| ") && !isRule(line))
      .map((row) => row.split("|").slice(1, -1).map((cell) => cell.trim()))
  ).filter((rows) => rows.length > 0);
}

/** Returns whether a line separates a table's head from its rows. */
function isRule(line: string): boolean {
  return /^\|[ :|-]+$/.test(line);
}
