/**
 * Finds which test files run a line of `lib/`, and how long they take.
 *
 * Each test file runs once with coverage, which takes some minutes for all of
 * them. The results are kept in `.cache/`, until the test file changes. Of a source
 * file that has changed, a test may run every line; after many changes, it is
 * measured again.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { filesIn } from "./files.ts";
import type { Sandbox } from "./sandbox.ts";

/** Path of the results of earlier runs. */
const CACHE = ".cache/lines_run.json";
/** Milliseconds that a test file may take with coverage. */
const LONGEST = 240_000;
/** Number of times that a test file may fail, on a busy machine. */
const ATTEMPTS = 3;
/** Number of test files that are measured at the same time. */
const WORKERS = 2;
/** Number of its source files that may change before a test is measured again. */
const MOST_CHANGED = 20;
const EVERY_LINE = "1-1000000";
/** Milliseconds of a test file that has not been measured. */
export const UNKNOWN = 60_000;

/** The lines that a test file runs. */
export interface Coverage {
  /** Path of the test file. */
  readonly path: string;
  /** Milliseconds that it takes, with coverage. */
  readonly ms: number;
  /** Lines that it runs, by the path of the source file, in ranges `4-7`. */
  readonly lines: Readonly<Record<string, string>>;
}

interface Kept extends Coverage {
  /** Hash of the test file. */
  readonly hash: string;
  /** Hashes of the source files that it runs, by path. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Returns the coverage of some test files. */
export async function coverageOf(
  tests: readonly string[],
  sandbox: Sandbox,
): Promise<Coverage[]> {
  const library = hashesOf(filesIn("lib", ".ts"));
  const known = readCache();
  const found = new Map<string, Kept>();
  const waiting = [...tests];
  const measureSome = async () => {
    for (let path = waiting.shift(); path; path = waiting.shift()) {
      const hash = hashOf(path);
      const before = known.find((one) =>
        one.path === path && one.hash === hash
      );
      if (before !== undefined && isRecent(before, library)) {
        found.set(path, before);
        continue;
      }
      const { ms, lines } = await measure(path, sandbox);
      const sources = hashesOf(Object.keys(lines));
      found.set(path, { path, hash, sources, ms, lines });
      writeCache([...found.values()], known);
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, measureSome));
  return [...found.values()].map((kept) => withChanges(kept, library));
}

/**
 * Returns what is known of some test files without running them. One that has not
 * been measured may run every line of a source file.
 */
export function knownCoverage(
  tests: readonly string[],
  source: string,
): Coverage[] {
  const library = hashesOf(filesIn("lib", ".ts"));
  const known = readCache();
  return tests.map((path) => {
    const hash = hashOf(path);
    const kept = known.find((one) =>
      one.path === path && one.hash === hash && isRecent(one, library)
    );
    return kept === undefined
      ? { path, ms: UNKNOWN, lines: { [source]: EVERY_LINE } }
      : withChanges(kept, library);
  });
}

type Hashes = Readonly<Record<string, string>>;

/** Returns the files that have changed since a test file was measured. */
function changedSince({ sources }: Kept, library: Hashes): string[] {
  return Object.keys(sources).filter((path) => sources[path] !== library[path]);
}

function isRecent(kept: Kept, library: Hashes): boolean {
  return changedSince(kept, library).length <= MOST_CHANGED;
}

/** Adds all lines of the files that have changed: a test may run any of them. */
function withChanges(kept: Kept, library: Hashes): Coverage {
  const { path, ms, lines } = kept;
  return {
    path,
    ms,
    lines: {
      ...lines,
      ...Object.fromEntries(
        changedSince(kept, library).map((file) => [file, EVERY_LINE]),
      ),
    },
  };
}

/** Returns whether ranges such as `1-4 7` contain a line. */
export function containsLine(ranges = "", line: number): boolean {
  return ranges.split(" ").some((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return first! <= line && line <= last!;
  });
}

/**
 * Returns the lines of each file that run, from a report in LCOV format.
 *
 * A line such as `if (a) return;` counts as not run if `a` was never true. So a
 * line counts also if the one before it ran.
 */
export function linesOf(lcov: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const record of lcov.split("end_of_record")) {
    const path = /SF:.*?\/(lib\/\S+)/.exec(record)?.[1];
    if (path === undefined) continue;
    const lines: number[] = [];
    let before = false;
    for (const [, line, count] of record.matchAll(/^DA:(\d+),(\d+)/gm)) {
      const runs = Number(count) > 0;
      if (runs || before) lines.push(Number(line));
      before = runs;
    }
    if (lines.length > 0) files[path] = toRanges(lines);
  }
  return files;
}

function toRanges(lines: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const line of lines) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === line - 1) last[1] = line;
    else ranges.push([line, line]);
  }
  return ranges
    .map(([first, last]) => first === last ? `${first}` : `${first}-${last}`)
    .join(" ");
}

async function measure(
  path: string,
  sandbox: Sandbox,
): Promise<{ ms: number; lines: Record<string, string> }> {
  const folder = await Deno.makeTempDir({ prefix: "coverage_" });
  try {
    let output = "";
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const run = await sandbox.deno([
        ...["test", "--frozen", "--allow-all", "--no-check", "--quiet"],
        ...[`--coverage=${folder}`, "--coverage-raw-data-only", path],
      ], LONGEST);
      output = run.output;
      if (!run.success) continue;
      const report = await sandbox.deno(
        ["coverage", "--quiet", "--lcov", "--include=/lib/", folder],
        LONGEST,
      );
      return { ms: Math.round(run.ms), lines: linesOf(report.output) };
    }
    console.error(`${path} is not used: it fails without a mutant\n${output}`);
    return { ms: 0, lines: {} };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function hashesOf(paths: readonly string[]): Record<string, string> {
  return Object.fromEntries(paths.map((path) => [path, hashOf(path)]));
}

function hashOf(path: string): string {
  return createHash("sha256").update(Deno.readTextFileSync(path))
    .digest("hex").slice(0, 16);
}

function readCache(): Kept[] {
  try {
    return JSON.parse(Deno.readTextFileSync(CACHE));
  } catch {
    return [];
  }
}

/** Writes new results, and older ones of other test files. */
function writeCache(found: readonly Kept[], known: readonly Kept[]): void {
  const paths = new Set(found.map(({ path }) => path));
  const others = known.filter(({ path }) => !paths.has(path));
  Deno.mkdirSync(".cache", { recursive: true });
  Deno.writeTextFileSync(CACHE, JSON.stringify([...found, ...others]));
}
