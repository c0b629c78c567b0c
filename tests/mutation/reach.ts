/**
 * Finds the tests that reach a mutant, and how long they take.
 *
 * The whole suite runs once, in a copy whose mutants have probes. The results are
 * kept in `.cache/` as long as `lib/` stays the same. A test file that has changed
 * since may reach every mutant of its folder, and all that it reached before.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { partOf, PARTS } from "../suite/parts.ts";
import { filesIn } from "./files.ts";
import { type Mutant, probed } from "./mutants.ts";
import type { Sandbox } from "./sandbox.ts";

/** Path of the results of earlier runs. */
const CACHE = ".cache/mutants_reached.json";
/** Milliseconds that a part of the suite may take. */
const LONGEST = 1_200_000;

/** A test, or all tests of a file. */
export interface Selection {
  /** Path of the test file. */
  readonly file: string;
  /** Name of the test; undefined for all of its file. */
  readonly name: string | undefined;
}

/** Probes that a test reaches, or without a name, loading its file. */
export interface Reached extends Selection {
  ms: number;
  /** Numbers of probes. */
  readonly probes: number[];
}

/** A test that reaches a mutant. */
export interface Reaching extends Selection {
  readonly ms: number;
}

/** The probes of some mutants that all tests reach. */
export interface Reach {
  /** Hash of `lib/`. */
  readonly library: string;
  /** The mutants that have probes. */
  readonly mutants: readonly string[];
  /** Hashes of the test files. */
  readonly files: Readonly<Record<string, string>>;
  readonly reached: readonly Reached[];
}

/** Runs all tests with probes, unless it is known what they reach. */
export async function reachOf(
  mutants: readonly Mutant[],
  tests: readonly string[],
  sandbox: Sandbox,
): Promise<Reach> {
  const library = hash(JSON.stringify(hashesOf(filesIn("lib", ".ts"))));
  const ids = mutants.map(idOf);
  const kept = readCache();
  const known = kept.find((one) =>
    one.library === library && ids.every((id) => one.mutants.includes(id))
  );
  if (known !== undefined) return known;
  const reached: Reached[] = [];
  for (const [path, text] of probed(mutants)) sandbox.write(path, text);
  for (const part of Object.keys(PARTS)) {
    const files = tests.filter((path) =>
      partOf(path.slice("tests/".length)) === part
    );
    if (files.length > 0) reached.push(...await record(files, sandbox));
  }
  for (const { path } of mutants) {
    sandbox.write(path, Deno.readTextFileSync(path));
  }
  const reach = { library, mutants: ids, files: hashesOf(tests), reached };
  Deno.mkdirSync(".cache", { recursive: true });
  const others = kept.filter((one) => one.library === library);
  Deno.writeTextFileSync(CACHE, JSON.stringify([...others, reach]));
  return reach;
}

async function record(
  files: readonly string[],
  sandbox: Sandbox,
): Promise<Reached[]> {
  const to = await Deno.makeTempFile({ prefix: "reached_" });
  try {
    const { output } = await sandbox.select({ record: files, to }, LONGEST);
    const text = await Deno.readTextFile(to);
    if (text === "") throw new Error(`Cannot find what tests reach: ${output}`);
    return JSON.parse(text);
  } finally {
    await Deno.remove(to);
  }
}

/** Returns the tests that reach a mutant. */
export function testsThatReach(
  { mutants, reached, files }: Reach,
  mutant: Mutant,
  tests: readonly string[],
  isNear: (test: string, source: string) => boolean,
): Reaching[] {
  const probe = mutants.indexOf(idOf(mutant));
  const current = hashesOf(tests);
  const isSame = (file: string) => files[file] === current[file];
  const reaching = reached.filter(({ probes }) => probes.includes(probe));
  const isLoaded = reaching.some(({ name }) => name === undefined);
  const byName = (isLoaded ? reached : reaching).filter(({ file, name }) =>
    name !== undefined && isSame(file)
  );
  const changed = tests.filter((file) =>
    !isSame(file) &&
    (isNear(file, mutant.path) || reaching.some((one) => one.file === file))
  );
  return [
    ...changed.map((file) => ({ file, name: undefined, ms: 1_000 })),
    ...byName.map(({ file, name, ms }) => ({ file, name, ms })),
  ];
}

/** Returns a text that no other mutant of the same library has. */
export function idOf({ path, start, end, text }: Mutant): string {
  return `${path} ${start} ${end} ${text}`;
}

function hashesOf(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    paths.map((path) => [path, hashOf(path)]),
  );
}

/** Returns a hash of a file. */
export function hashOf(path: string): string {
  return hash(Deno.readTextFileSync(path));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function readCache(): Reach[] {
  try {
    return JSON.parse(Deno.readTextFileSync(CACHE));
  } catch {
    return [];
  }
}
