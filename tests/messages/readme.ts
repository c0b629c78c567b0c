/**
 * The tables of `lib/messages/README.md`, for the tests that hold the library
 * to what they say.
 *
 * @module
 */

/** Rows of all tables under a heading: the first cell, and those behind it. */
export function tableRows(heading: string): Map<string, string[]> {
  const readme = Deno.readTextFileSync(
    new URL("../../lib/messages/README.md", import.meta.url),
  );
  const [, behind = ""] = readme.split(`\n## ${heading}\n`);
  const [section = ""] = behind.split("\n## ");
  const lines = section.split("\n");
  const rows = lines.filter((line, at) =>
    line.startsWith("| ") && !isRule(line) && !isRule(lines[at + 1])
  );
  return new Map(rows.map((row) => {
    const [name = "", ...cells] = row.split("|").slice(1, -1);
    return [name.trim(), cells.map((cell) => cell.trim())];
  }));
}

/** Whether a line is the rule between a table's head and its rows. */
function isRule(line = ""): boolean {
  return /^\|[ :|-]+$/.test(line);
}
