/**
 * `deno task size`: prints the lines of code of each folder of the library,
 * without blank lines and comments. The compliance suites in `lib/testing` are
 * listed, but not counted.
 *
 * @module
 */

/** Comments, and the literals in which the marks of comments mean nothing. */
const TOKENS =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*(?=[\s,;).])/g;

/** Returns the number of lines that hold more than white space and comments. */
export function codeLines(text: string): number {
  const code = text.replace(
    TOKENS,
    (token) =>
      /^\/[*/]/.test(token)
        ? token.replace(/[^\n]/g, " ")
        : token.replace(/[^\n]/g, "x"),
  );
  return code.split("\n").filter((line) => line.trim() !== "").length;
}

/** Returns the lines of code of each folder below a path. */
function sizes(path: string, into: Map<string, number> = new Map()) {
  for (const { name, isDirectory } of Deno.readDirSync(path)) {
    const inner = `${path}/${name}`;
    if (isDirectory) sizes(inner, into);
    else if (name.endsWith(".ts")) {
      const lines = codeLines(Deno.readTextFileSync(inner));
      into.set(path, (into.get(path) ?? 0) + lines);
    }
  }
  return into;
}

if (import.meta.main) {
  const folders = [...sizes("lib")].sort(([a], [b]) => a < b ? -1 : 1);
  let sum = 0;
  for (const [folder, lines] of folders) {
    console.log(`${String(lines).padStart(7)}  ${folder}`);
    if (!folder.startsWith("lib/testing")) sum += lines;
  }
  console.log(`${String(sum).padStart(7)}  in all, without lib/testing`);
}
