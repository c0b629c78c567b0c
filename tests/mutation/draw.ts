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
 * Returns the tests that should notice a mutant: those of its file, which may not
 * exist, of its folder, of the folders around it, and of the layers that use it.
 */
export function testsOf(path: string): string[][] {
  const folders = path.split("/").slice(1, -1);
  const [layer = ""] = folders;
  const groups = folders.map((_, depth) =>
    `tests/${folders.slice(0, depth + 1).join("/")}`
  )
    .slice(1).map((folder) => [folder]).reverse();
  const last = [`tests/${layer}/*_test.ts`, ...USERS[layer] ?? []]
    .filter((folder) => !groups.some(([known]) => known === folder));
  const file = path.replace(/^lib/, "tests").replace(/\.ts$/, "_test.ts");
  return [[file], ...groups, last].filter((group) => group.length > 0);
}

/** Tests that use a layer, without slow ones. */
const USERS: Readonly<Record<string, readonly string[]>> = {
  transport: ["tests/framing/stream", "tests/messages/connection"],
  framing: [
    "tests/framing/layouts",
    "tests/framing/stream",
    "tests/messages/connection",
  ],
  messages: [
    "tests/messages/wire",
    "tests/messages/connection",
    "tests/messages/client",
    "tests/messages/server",
  ],
};
