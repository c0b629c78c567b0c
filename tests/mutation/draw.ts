/**
 * Draws mutants by seed.
 *
 * @module
 */
import { mulberry32 } from "../framing/random.ts";
import type { Mutant } from "./mutants.ts";

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

/**
 * Returns the tests that should notice a mutant: first those of its folder, then
 * those of its layer and of the layers above it.
 */
export function testsOf(path: string): string[][] {
  const folder = path.slice("lib/".length, path.lastIndexOf("/"));
  const [layer = ""] = folder.split("/");
  const own = `tests/${folder}${folder === layer ? "/*_test.ts" : ""}`;
  const above = ABOVE[layer] ?? [];
  return [[own], [`tests/${layer}`, ...above]];
}

/** Tests of the layers that use a layer, which are run after its own. */
const ABOVE: Readonly<Record<string, readonly string[]>> = {
  transport: [
    "tests/testing",
    "tests/framing/stream",
    "tests/messages/connection",
    "tests/messages/client",
    "tests/messages/server",
  ],
  framing: ["tests/testing", "tests/messages/connection", "tests/examples"],
  messages: ["tests/testing"],
  testing: [],
};
