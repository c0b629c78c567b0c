/**
 * Draws mutants by seed.
 *
 * @module
 */
import { mulberry32 } from "../framing/random.ts";
import type { Mutant } from "./mutants.ts";
import type { Reaching } from "./reach.ts";

/** Largest groups of tests, in milliseconds and in number. */
const GROUPS = [
  { ms: 3_000, tests: 40 },
  { ms: 15_000, tests: 600 },
  { ms: 120_000, tests: Infinity },
] as const;

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
 * Returns the tests that reach a mutant, in groups that run one after the other:
 * those of its folder are first, then the quickest. Early groups are small, since
 * most mutants are noticed at once.
 *
 * @param tests the tests that reach it
 */
export function groupsOf(
  { path }: Mutant,
  tests: readonly Reaching[],
): Reaching[][] {
  const sorted = tests.toSorted((one, other) =>
    Number(isNear(other.file, path)) - Number(isNear(one.file, path)) ||
    one.ms - other.ms
  );
  const groups: Reaching[][] = [];
  let next = 0;
  for (const most of GROUPS) {
    const group: Reaching[] = [];
    let ms = 0;
    for (let test = sorted[next]; test !== undefined; test = sorted[next]) {
      ms += test.ms;
      if (group.length > 0 && (ms > most.ms || group.length >= most.tests)) {
        break;
      }
      group.push(test);
      next++;
    }
    if (group.length > 0) groups.push(group);
  }
  return groups;
}
