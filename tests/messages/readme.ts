/**
 * Reads the tables of `lib/messages/README.md`, for tests that compare the library
 * with them.
 *
 * @module
 */

/** Returns the rows of all tables under a heading: the first cell, and the cells after it. */
export function tableRows(heading: string): Map<string, string[]> {
  const readme = Deno.readTextFileSync(
    new URL("../../lib/messages/README.md", import.meta.url),
  );
  const [, after = ""] = readme.split(`\n## ${heading}\n`);
  const [section = ""] = after.split("\n## ");
  const lines = section.split("\n");
  const rows = lines.filter((line, at) =>
    line.startsWith("| ") && !isRule(line) && !isRule(lines[at + 1])
  );
  return new Map(rows.map((row) => {
    const [name = "", ...cells] = row.split("|").slice(1, -1);
    return [name.trim(), cells.map((cell) => cell.trim())];
  }));
}

/** Returns whether a line separates a table's head from its rows. */
function isRule(line = ""): boolean {
  return /^\|[ :|-]+$/.test(line);
}
