/**
 * Changes single places of `lib/`, one at a time, and shows which changes no test
 * notices.
 *
 * ```sh
 * deno task mutate                          # 120 mutants of seed 1
 * deno task mutate 7                        # of another seed
 * deno task mutate 7 41-80,99               # the 41st to the 80th, and the 99th
 * deno task mutate 7 1-20 lib/framing/      # mutants of some files only
 * deno task mutate 7 1-9 lib/framing/mod.ts:12     # every mutant of a line
 * deno task mutate 7 1-9 lib/framing/mod.ts:12 tests/framing/    # with these tests
 * deno task mutate 7 1-40 lib/ near         # with the tests of the mutant's folder
 * ```
 *
 * The mutants of a seed are the same as long as `lib/` is. Each is tested in a
 * copy of the project, with the tests that run its code: first those of its
 * folder, then the others, the quickest first. Mutants that the first tests notice
 * are tried together in few processes, the others alone. To find the tests, the whole suite runs
 * once for the mutants of a run, with probes in their places. Tests that take
 * much longer than without a mutant have noticed it. A mutant that no test notices
 * may still be rejected by the type check. `explained.ts` lists mutants that no
 * test can notice; they are not counted.
 *
 * @module
 */
import { draw, groupsOf, isNear } from "./draw.ts";
import { EXPLAINED } from "./explained.ts";
import { filesIn } from "./files.ts";
import { type Mutant, mutated, switched } from "./mutants.ts";
import { type Reach, type Reaching, reachOf, testsThatReach } from "./reach.ts";
import { Sandbox } from "./sandbox.ts";
import { TOLD, type Trial } from "./selected.ts";

/** Number of mutants of a seed that are tested. */
const COUNT = 120;
/** Longest time of tests, relative to their time without a mutant. */
const SLOWER = 2;
/** Milliseconds that tests may take in any case. */
const PATIENCE = 20_000;
/** Number of mutants that are tried in one process. */
const TRIALS = 20;
/** Number of times that tests may fail without a mutant, on a busy machine. */
const ATTEMPTS = 3;
/** Milliseconds of a test file that has not been measured. */
const UNKNOWN = 60_000;
/** The longest deadline, in milliseconds. */
const NEVER = 2 ** 31 - 1;
/** Names the tests of the folder of each mutant. */
const NEAR = "near";
const LISTER = "tests/mutation/list_mutants.ts";
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
/** How a mutant was noticed. */
type Fate = "failed" | "deadline" | "types" | "explained" | "lived";

/**
 * Returns how tests notice the mutant that is in place. A test that fails must fail
 * again on its own: on a busy machine, tests also fail without a mutant.
 *
 * @param isBusy runs tests without the mutant; returns whether they are late too
 */
async function outcomeOf(
  sandbox: Sandbox,
  tests: readonly Reaching[],
  deadline: number,
  isBusy: (deadline: number) => Promise<boolean>,
): Promise<"failed" | "deadline" | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await sandbox.select({ run: tests }, deadline);
    if (first.success) return undefined;
    if (!first.late) {
      const failing = testsThatFail(first.output, tests);
      const again = await sandbox.select({ run: failing }, deadline);
      if (again.success) continue;
      if (!again.late) return "failed";
    }
    if (!await isBusy(deadline)) return "deadline";
    deadline *= 2;
  }
  return undefined; // other tests fail each time, or the machine is too busy
}

/** Returns the tests that output names as failing, or all if it names none. */
function testsThatFail(
  output: string,
  tests: readonly Reaching[],
): readonly Reaching[] {
  const failing = tests.filter(({ file, name }) =>
    output.includes(
      `\n${file} ${name ?? ""}${name === undefined ? "" : " => "}`,
    )
  );
  return failing.length > 0 ? failing : tests;
}

/** Returns how a mutant is noticed by groups of tests. */
async function fateOf(
  sandbox: Sandbox,
  mutant: Mutant,
  groups: readonly (readonly Reaching[])[],
): Promise<Fate> {
  const { path } = mutant;
  const text = Deno.readTextFileSync(path);
  sandbox.write(path, mutated(text, mutant));
  try {
    for (const tests of groups) {
      const ms = tests.reduce((sum, test) => sum + test.ms, 0);
      const deadline = PATIENCE + SLOWER * ms;
      const isBusy = async (deadline: number) => {
        sandbox.write(path, text);
        const { late } = await sandbox.select({ run: tests }, deadline);
        sandbox.write(path, mutated(text, mutant));
        return late;
      };
      const fate = await outcomeOf(sandbox, tests, deadline, isBusy);
      if (fate !== undefined) return fate;
    }
    const check = ["check", "--frozen", "--quiet", "mod.ts", path];
    const { success } = await sandbox.deno(check, NEVER);
    return success ? "lived" : "types";
  } finally {
    sandbox.write(path, text);
  }
}

/**
 * Returns the test files that may notice a mutant: those in folders that mirror
 * the folders of `lib/`, and those outside of folders.
 */
function testFiles(): string[] {
  const ofFolders = [...Deno.readDirSync("lib")]
    .filter(({ isDirectory }) => isDirectory)
    .flatMap(({ name }) => filesIn(`tests/${name}`, "_test.ts")).sort();
  const others = [...Deno.readDirSync("tests")]
    .map(({ name }) => `tests/${name}`)
    .filter((path) => path.endsWith("_test.ts")).sort();
  return [...ofFolders, ...others];
}

/**
 * Returns the mutants that a test notices at once. They are switched on one after
 * the other in one process, so that the library is loaded once for all of them.
 * Other events prove nothing.
 */
async function noticedAtOnce(
  sandbox: Sandbox,
  trials: readonly Trial[],
): Promise<Set<number>> {
  const noticed = new Set<number>();
  let waiting = trials.filter(({ tests }) => tests.length > 0);
  while (waiting.length > 0) {
    const ms = waiting.flatMap(({ tests }) => tests)
      .reduce((sum, test) => sum + test.ms, 0);
    const { output } = await sandbox.select(
      { try: waiting },
      2 * PATIENCE + SLOWER * ms,
    );
    const told = (what: string) =>
      new Set(
        [...output.matchAll(new RegExp(`^${what} (\\d+)$`, "gm"))]
          .map(([, mutant]) => Number(mutant)),
      );
    for (const mutant of told(TOLD.failed)) noticed.add(mutant);
    const begun = told(TOLD.begins);
    if (begun.size === 0) break;
    waiting = waiting.filter(({ mutant }) => !begun.has(mutant));
  }
  return noticed;
}

/**
 * Returns the groups of tests that run for a mutant.
 *
 * @param given test files that run for each mutant, or `near`
 */
function testsFor(
  mutant: Mutant,
  given: readonly string[],
  files: readonly string[],
  reach: Reach | undefined,
): Reaching[][] {
  if (reach === undefined) {
    return [
      given.flatMap((path) =>
        path.endsWith(".ts") ? [path] : filesIn(path, "_test.ts")
      ).map((file) => ({ file, name: undefined, ms: UNKNOWN })),
    ];
  }
  const tests = testsThatReach(reach, mutant, files, isNear);
  return groupsOf(
    mutant,
    given.includes(NEAR)
      ? tests.filter(({ file }) => isNear(file, mutant.path))
      : tests,
  );
}

/** Returns every mutant of `lib/`. */
async function allMutants(sandbox: Sandbox): Promise<Mutant[]> {
  const file = await Deno.makeTempFile({ prefix: "mutants_" });
  try {
    const { success, output } = await sandbox.deno(
      ["test", "--frozen", "--allow-all", "--no-check", LISTER],
      NEVER,
      { MUTANTS: file },
    );
    if (!success) throw new Error(output);
    return JSON.parse(await Deno.readTextFile(file));
  } finally {
    await Deno.remove(file);
  }
}

/** Returns the operator, the old code and the new code of a mutant. */
function changeOf({ path, operator, start, end, text }: Mutant): string {
  const old = Deno.readTextFileSync(path).slice(start, end);
  const short = (code: string) => {
    const joined = code.replace(/\s+/g, " ");
    return joined.length > 70 ? `${joined.slice(0, 69)}…` : joined;
  };
  return `${operator}: ${short(old)} → ${short(text) || "nothing"}`;
}

/** Returns the numbers in ranges such as `1-40,57`, none if they are not valid. */
function numbersIn(ranges: string): number[] {
  if (!/^[1-9]\d*(-\d+)?(,[1-9]\d*(-\d+)?)*$/.test(ranges)) return [];
  return ranges.split(",").flatMap((range) => {
    const [first = 0, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

async function main(
  [seed = "1", range = `1-${COUNT}`, prefix = "lib/", ...tests]:
    readonly string[],
): Promise<void> {
  const wanted = numbersIn(range);
  if (!Number.isInteger(Number(seed)) || wanted.length === 0) {
    throw new TypeError(
      `Cannot use ${seed} ${range}: expected a seed and ranges such as 1-40,57`,
    );
  }
  using sandbox = await Sandbox.create();
  const stop = () => {
    sandbox[Symbol.dispose]();
    Deno.exit(130);
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, stop);
  const all = await allMutants(sandbox);
  const ofLine = all.filter(({ path, line }) => `${path}:${line}` === prefix);
  const drawn = draw(all, Number(seed))
    .filter(({ path }) => path.startsWith(prefix));
  const source = ofLine.length > 0 ? ofLine : drawn;
  const numbers = wanted.filter((number) => number <= source.length);
  const mutants = numbers.map((number) => source[number - 1]!);
  const files = testFiles();
  const reach = tests.length === 0 || tests.includes(NEAR)
    ? await reachOf(mutants, files, sandbox)
    : undefined;
  const counts: Record<Fate, number> = {
    ...{ failed: 0, deadline: 0, types: 0, explained: 0, lived: 0 },
  };
  const isExplained = (mutant: Mutant) => {
    const { path, line } = mutant;
    const source = Deno.readTextFileSync(path).split("\n")[line - 1] ?? "";
    return EXPLAINED.some((one) =>
      one.path === path && one.change === changeOf(mutant) &&
      source.includes(one.line ?? "")
    );
  };
  const tell = (index: number, fate: Fate) => {
    counts[fate]++;
    const mutant = mutants[index]!;
    const { path, line } = mutant;
    console.log(
      `${numbers[index]} ${fate}: ${path}:${line} ${changeOf(mutant)}`,
    );
  };
  const groups = mutants.map((mutant) =>
    isExplained(mutant) ? [] : testsFor(mutant, tests, files, reach)
  );
  const left: number[] = [];
  for (const [path, text] of switched(mutants)) sandbox.write(path, text);
  // Mutants of one folder need the same test files.
  const order = [...mutants.keys()].toSorted((one, other) =>
    mutants[one]!.path < mutants[other]!.path ? -1 : 1
  );
  for (let at = 0; at < order.length; at += TRIALS) {
    const trials = order.slice(at, at + TRIALS)
      .map((mutant) => ({ mutant, tests: groups[mutant]![0] ?? [] }));
    const noticed = await noticedAtOnce(sandbox, trials);
    for (const { mutant: index } of trials) {
      if (isExplained(mutants[index]!)) tell(index, "explained");
      else if (noticed.has(index)) tell(index, "failed");
      else left.push(index);
    }
  }
  for (const { path } of mutants) {
    sandbox.write(path, Deno.readTextFileSync(path));
  }
  for (const index of left) {
    tell(index, await fateOf(sandbox, mutants[index]!, groups[index]!));
  }
  const counted = mutants.length - counts.explained;
  const sum = counted - counts.lived;
  const percent = (100 * sum / counted).toFixed(1);
  console.log(
    `seed ${seed}: ${sum} of ${counted} mutants noticed (${percent} %): ` +
      `${counts.failed} by failing tests, ${counts.deadline} by the deadline, ${counts.types} by the type check`,
  );
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, stop);
}

if (import.meta.main) await main(Deno.args);
