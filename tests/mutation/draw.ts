/**
 * Draws mutants by seed.
 *
 * @module
 */
import { mulberry32 } from "../framing/random.ts";
import { containsLine, type Coverage } from "./line_coverage.ts";
import type { Mutant } from "./mutants.ts";

/** Milliseconds of the tests of other folders. */
const OTHERS = 120_000;

/**
 * Returns mutants in an order that depends on the seed only: first a line, each
 * with the same probability, then one of its mutants.
 */
export function draw(all: readonly Mutant[], seed: number): Mutant[] {
  const random = mulberry32(seed);
  const lines = [...Map.groupBy(all, ({ path, line }) => `${path}:${line}`)];
  for (let at = lines.length - 1; at > 0; at--) {
    const other = random(at + 1);
    [lines[at], lines[other]] = [lines[other]!, lines[at]!];
  }
  return lines.map(([, mutants]) => mutants[random(mutants.length)]!);
}

/** Returns the path of a source file's own test. */
function ownTest(path: string): string {
  return path.replace(/^lib/, "tests").replace(/\.ts$/, "_test.ts");
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Returns whether a test file belongs to the folder of a source file. */
export function isNear(test: string, source: string): boolean {
  return folderOf(test) === folderOf(ownTest(source));
}

/**
 * Returns the test files that run the line of a mutant, in groups that run one
 * after the other: those of its file, of its folder, and as many others as run
 * within two minutes. Within a group, the quickest are first.
 */
export function testsOf(
  { path, line }: Mutant,
  coverage: readonly Coverage[],
): Coverage[][] {
  const tests = coverage
    .filter(({ lines }) => containsLine(lines[path], line))
    .toSorted((one, other) => one.ms - other.ms);
  const own = ownTest(path);
  const groups: [Coverage[], Coverage[], Coverage[]] = [[], [], []];
  let ms = 0;
  for (const test of tests) {
    if (test.path === own) groups[0].push(test);
    else if (isNear(test.path, path)) groups[1].push(test);
    else if ((ms += test.ms) < OTHERS) groups[2].push(test);
  }
  return groups.filter((group) => group.length > 0);
}
