/**
 * Runs some tests of several files in one isolate, in a given order, tries mutants
 * one after the other, or records which tests reach the probes of mutants. `deno test` runs this module in a copy
 * of the project; the environment variable `SELECTED` names a file with a `Task`.
 *
 * @module
 */
import type { Reached, Reaching, Selection } from "./reach.ts";

/** A task of this module. */
export type Task =
  /** Runs all tests of some files, and writes the probes that each reaches. */
  | { readonly record: readonly string[]; readonly to: string }
  /** Runs tests in this order; a file without names runs completely. */
  | { readonly run: readonly Selection[] }
  /** Switches mutants on, one after the other, until a test fails. */
  | { readonly try: readonly Trial[] };

/** A mutant and the tests that may notice it. */
export interface Trial {
  /** The value of `__mutant` that switches it on. */
  readonly mutant: number;
  readonly tests: readonly Reaching[];
}

/** Texts before the number of a mutant that is tried. */
export const TOLD = {
  begins: "@begins",
  /** A test fails with the mutant, passes without it, and fails again with it. */
  failed: "@failed",
  /** A test does not end, or fails without the mutant too; no other is tried. */
  stops: "@stops",
} as const;

/** Milliseconds that a test may take with a mutant, and how much slower it may be. */
const PATIENCE = 10_000;
const SLOWER = 4;

interface Registered extends Deno.TestDefinition {
  readonly file: string;
}

const register = Deno.test;
const now = performance.now.bind(performance);
const { setTimeout, clearTimeout } = globalThis;
const tell = console.log.bind(console);
/** Called before each test file is loaded. */
let onFile = (_file: string) => {};

/** Imports test files, and returns their tests without registering them. */
async function testsOf(files: Iterable<string>): Promise<Registered[]> {
  const found: Registered[] = [];
  let file = "";
  const collect = (
    first: unknown,
    second?: unknown,
    third?: unknown,
  ) => found.push({ ...definition(first, second, third), file });
  Object.assign(Deno, { test: Object.assign(collect, register) });
  for (file of files) {
    onFile(file);
    await import(new URL(`../../${file}`, import.meta.url).href);
  }
  Object.assign(Deno, { test: register });
  return found;
}

/** Returns the definition of a test from the arguments of any form of `Deno.test`. */
// deno-lint-ignore no-explicit-any -- the overloads of Deno.test have no common type
function definition(first: any, second: any, third: any): Deno.TestDefinition {
  if (typeof first === "function") return { name: first.name, fn: first };
  const options = typeof first === "string" ? { name: first } : first;
  if (typeof second === "function") return { ...options, fn: second };
  return { ...options, ...second, ...(third && { fn: third }) };
}

async function run(order: readonly Selection[]): Promise<void> {
  const found = await testsOf(new Set(order.map(({ file }) => file)));
  for (const { file, name } of order) {
    for (const test of found) {
      if (test.file !== file || (name ?? test.name) !== test.name) continue;
      register({ ...test, name: `${file} ${test.name}` });
    }
  }
}

async function record(files: readonly string[], to: string): Promise<void> {
  const reached: Reached[] = [];
  let current: Reached = { file: "", name: undefined, ms: 0, probes: [] };
  let probes = new Set<number>();
  const enter = (next: Reached) => {
    current = next;
    probes = new Set();
    reached.push(next);
  };
  onFile = (file) => enter({ file, name: undefined, ms: 0, probes: [] });
  Object.assign(globalThis, {
    __reached(probe: number) {
      if (probes.has(probe)) return;
      probes.add(probe);
      current.probes.push(probe);
    },
  });
  for (const { file, ...test } of await testsOf(files)) {
    const { name, fn } = test;
    register({
      ...test,
      name: `${file} ${name}`,
      fn: async (context) => {
        enter({ file, name, ms: 0, probes: [] });
        const own = current;
        const start = now();
        try {
          await fn(context);
        } finally {
          own.ms = Math.round(now() - start);
        }
      },
    });
  }
  register(
    "the probes are written",
    () => Deno.writeTextFileSync(to, JSON.stringify(reached)),
  );
}

async function tryAll(trials: readonly Trial[]): Promise<void> {
  const files = trials.flatMap(({ tests }) => tests.map(({ file }) => file));
  const found = await testsOf(new Set(files));
  const over = new Set<number>();
  let hasStopped = false;
  for (const { mutant, tests } of trials) {
    register(`${mutant} begins`, () => {
      if (!hasStopped) tell(`\n${TOLD.begins} ${mutant}`);
    });
    for (const { file, name, ms } of tests) {
      for (const test of found) {
        if (test.file !== file || (name ?? test.name) !== test.name) continue;
        const fails = async (context: Deno.TestContext, on?: number) => {
          Object.assign(globalThis, { __mutant: on });
          try {
            return await hasFailed(test.fn(context), PATIENCE + SLOWER * ms);
          } catch {
            return true; // at once
          } finally {
            Object.assign(globalThis, { __mutant: undefined });
          }
        };
        register({
          ...test,
          name: `${mutant} ${file} ${test.name}`,
          fn: async (context) => {
            if (hasStopped || over.has(mutant)) return;
            const failed = await fails(context, mutant);
            if (failed === false) return;
            over.add(mutant);
            const isMutant = failed === true &&
              await fails(context) === false &&
              await fails(context, mutant) === true;
            hasStopped = !isMutant;
            tell(`\n${isMutant ? TOLD.failed : TOLD.stops} ${mutant}`);
          },
        });
      }
    }
  }
}

/** Returns whether a promise rejects; undefined if it is still pending then. */
async function hasFailed(
  running: void | Promise<void>,
  ms: number,
): Promise<boolean | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  const ended = Promise.resolve(running).then(() => false, () => true);
  const outcome = await Promise.race([ended, late]);
  clearTimeout(timer);
  return outcome;
}

const given = Deno.env.get("SELECTED");
if (given !== undefined) {
  const task: Task = JSON.parse(Deno.readTextFileSync(given));
  if ("record" in task) await record(task.record, task.to);
  else if ("run" in task) await run(task.run);
  else await tryAll(task.try);
}
