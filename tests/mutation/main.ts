/**
 * Changes single places of `lib/`, one at a time, and shows which changes no test
 * notices.
 *
 * ```sh
 * deno task mutate                          # 120 mutants of seed 1
 * deno task mutate 7                        # of another seed
 * deno task mutate 7 41-80                  # the 41st to the 80th of that seed
 * deno task mutate 7 1-20 lib/framing/      # mutants of some files only
 * deno task mutate 7 1-9 lib/framing/mod.ts:12     # every mutant of a line
 * deno task mutate 7 1-9 lib/framing/mod.ts:12 tests/framing/    # with these tests
 * deno task mutate 7 1-40 lib/ near         # with the tests of the mutant's folder
 * ```
 *
 * The mutants of a seed are the same as long as `lib/` is. Each is tested in a
 * copy of the project, with the test files that run its line: first those of its
 * file and folder, then the others, the quickest first. The first mutant that the
 * tests of its folder do not notice takes some minutes, as the coverage of each
 * test file is then measured. Tests that take much longer than without a mutant
 * have noticed it. A mutant that no test notices may still be rejected by the
 * type check. `explained.ts` lists mutants that no test can notice; they are not
 * counted.
 *
 * @module
 */
import { draw, isNear, testsOf } from "./draw.ts";
import { EXPLAINED } from "./explained.ts";
import { filesIn } from "./files.ts";
import {
  type Coverage,
  coverageOf,
  knownCoverage,
  UNKNOWN,
} from "./line_coverage.ts";
import { type Mutant, mutated } from "./mutants.ts";
import { Sandbox } from "./sandbox.ts";

/** Number of mutants of a seed that are tested. */
const COUNT = 120;
/** Longest time of tests, relative to their time without a mutant. */
const SLOWER = 2;
/** Milliseconds that tests may take in any case. */
const PATIENCE = 10_000;
/** Number of times that tests may fail without a mutant, on a busy machine. */
const ATTEMPTS = 3;
/** The longest deadline, in milliseconds. */
const NEVER = 2 ** 31 - 1;
/** Names the tests of the folder of each mutant. */
const NEAR = "near";
const LISTER = "tests/mutation/list_mutants.ts";
const SIGNALS = ["SIGINT", "SIGTERM"] as const;
const TEST = [
  ...["test", "--frozen", "--allow-all", "--no-check", "--fail-fast"],
  "--quiet",
];

/** How a mutant was noticed. */
type Fate = "failed" | "deadline" | "types" | "explained" | "lived";

/**
 * Returns how tests notice the mutant that is in place. A file with a failing test
 * must fail again on its own: on a busy machine, tests also fail without a mutant.
 *
 * @param isBusy runs tests without the mutant; returns whether they are late too
 */
async function outcomeOf(
  sandbox: Sandbox,
  tests: readonly string[],
  deadline: number,
  isBusy: (deadline: number) => Promise<boolean>,
): Promise<"failed" | "deadline" | undefined> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = await sandbox.deno([...TEST, ...tests], deadline);
    if (first.success) return undefined;
    if (!first.late) {
      const files = filesThatFail(first.output);
      const again = await sandbox.deno(
        [...TEST, ...(files.length > 0 ? files : tests)],
        deadline,
      );
      if (again.success) continue;
      if (!again.late) return "failed";
    }
    if (!await isBusy(deadline)) return "deadline";
    deadline *= 2;
  }
  return undefined; // other tests fail each time, or the machine is too busy
}

/** Returns the test files that the output of `deno test` names as failing. */
function filesThatFail(output: string): string[] {
  const named = output.matchAll(/ => \.\/(tests\/\S+?_test\.ts):/g);
  return [...new Set([...named].map(([, file]) => file!))];
}

/** Groups of test files; the later ones are only found if they are needed. */
type Groups = AsyncIterable<readonly Coverage[]>;

/** Returns how a mutant is noticed by groups of tests. */
async function fateOf(
  sandbox: Sandbox,
  mutant: Mutant,
  groups: Groups,
): Promise<Fate> {
  const { path } = mutant;
  const text = Deno.readTextFileSync(path);
  sandbox.write(path, mutated(text, mutant));
  try {
    for await (const group of groups) {
      const ms = group.reduce((sum, test) => sum + test.ms, 0);
      const tests = group.map((test) => test.path);
      const deadline = PATIENCE + SLOWER * ms;
      const isBusy = async (deadline: number) => {
        sandbox.write(path, text);
        const { late } = await sandbox.deno([...TEST, ...tests], deadline);
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
 * Finds the tests of mutants. Those of the folder of a mutant notice most of them,
 * and need not be measured.
 */
class TestFinder {
  readonly #files = testFiles();
  readonly #sandbox: Sandbox;
  readonly #given: readonly string[];
  #coverage: readonly Coverage[] | undefined;

  /** @param given test files that run for each mutant, or `near` */
  constructor(sandbox: Sandbox, given: readonly string[]) {
    this.#sandbox = sandbox;
    this.#given = given;
  }

  async *groupsOf(mutant: Mutant): Groups {
    const { path } = mutant;
    if (this.#given.length > 0 && !this.#given.includes(NEAR)) {
      yield this.#given.map((path) => ({ path, ms: UNKNOWN, lines: {} }));
      return;
    }
    const near = this.#files.filter((file) => isNear(file, path));
    yield* testsOf(mutant, knownCoverage(near, path));
    if (this.#given.length > 0) return;
    this.#coverage ??= await coverageOf(this.#files, this.#sandbox);
    const others = this.#coverage.filter((test) => !isNear(test.path, path));
    yield* testsOf(mutant, others);
  }
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

async function main(
  [seed = "1", range = `1-${COUNT}`, prefix = "lib/", ...tests]:
    readonly string[],
): Promise<void> {
  const [first = NaN, last = NaN] = range.split("-").map(Number);
  if (!Number.isInteger(Number(seed)) || !(first >= 1 && last >= first)) {
    throw new TypeError(
      `Cannot use ${seed} ${range}: expected a seed and a range such as 1-40`,
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
  const mutants = (ofLine.length > 0 ? ofLine : drawn).slice(first - 1, last);
  const finder = new TestFinder(sandbox, tests);
  const counts: Record<Fate, number> = {
    ...{ failed: 0, deadline: 0, types: 0, explained: 0, lived: 0 },
  };
  for (const [index, mutant] of mutants.entries()) {
    const { path, line } = mutant;
    const change = changeOf(mutant);
    const source = Deno.readTextFileSync(path).split("\n")[line - 1] ?? "";
    const known = EXPLAINED.some((one) =>
      one.path === path && one.change === change &&
      source.includes(one.line ?? "")
    );
    const fate = known
      ? "explained"
      : await fateOf(sandbox, mutant, finder.groupsOf(mutant));
    counts[fate]++;
    console.log(`${first + index} ${fate}: ${path}:${line} ${change}`);
  }
  const counted = mutants.length - counts.explained;
  const noticed = counted - counts.lived;
  const percent = (100 * noticed / counted).toFixed(1);
  console.log(
    `seed ${seed}: ${noticed} of ${counted} mutants noticed (${percent} %): ` +
      `${counts.failed} by failing tests, ${counts.deadline} by the deadline, ${counts.types} by the type check`,
  );
  for (const signal of SIGNALS) Deno.removeSignalListener(signal, stop);
}

if (import.meta.main) await main(Deno.args);
