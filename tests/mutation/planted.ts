/**
 * Plants faults in a copy of the project, and compares what a simulation reports
 * with the invariant that each fault must violate.
 *
 * @module
 */
import { Sandbox } from "./sandbox.ts";

/** A planted fault. */
export interface Mutant<Name extends string = string> {
  /** The invariant that the fault violates, and no other. */
  readonly violates: Name;
  /** File in `lib/messages/`. */
  readonly file: string;
  /** Text that is replaced; it occurs once. */
  readonly from: string;
  readonly to: string;
}

/** A simulation that reports violations as `: NAME: `. */
export interface Simulated<Name extends string> {
  /** Names of its invariants. */
  readonly invariants: readonly Name[];
  readonly mutants: readonly Mutant<Name>[];
  /** Program and arguments of `deno run`. */
  readonly args: readonly string[];
  /** Number of copies that run at the same time. */
  readonly workers: number;
  /** Milliseconds for each fault. */
  readonly deadline: number;
}

/** Plants every fault; returns what is wrong with the outcomes. */
export async function plantAll<Name extends string>(
  simulated: Simulated<Name>,
): Promise<string[]> {
  const { invariants, mutants, workers } = simulated;
  const wrong = await Promise.all(
    Array.from({ length: workers }, (_, first) => plantSome(simulated, first)),
  );
  const missing = invariants
    .filter((name) => !mutants.some(({ violates }) => violates === name))
    .map((name) => `no fault for "${name}"`);
  return [...wrong.flat(), ...missing];
}

/** Plants every n-th fault. */
async function plantSome<Name extends string>(
  { invariants, mutants, args, workers, deadline }: Simulated<Name>,
  first: number,
): Promise<string[]> {
  using sandbox = await Sandbox.create();
  const wrong: string[] = [];
  for (const [index, { violates, file, from, to }] of mutants.entries()) {
    if (index % workers !== first) continue;
    const path = `lib/messages/${file}`;
    const text = Deno.readTextFileSync(path);
    if (text.split(from).length !== 2) {
      wrong.push(`${path} does not contain this once: ${from}`);
      continue;
    }
    sandbox.write(path, text.replace(from, () => to));
    const run = ["run", "--frozen", "--no-check", "--allow-read=.", ...args];
    const { output, late } = await sandbox.deno(run, deadline);
    sandbox.write(path, text);
    const caught = invariants.filter((name) => output.includes(`: ${name}: `));
    const missed = late ? `not caught within ${deadline} ms` : "not caught";
    console.log(`${path}: ${caught.join("; ") || missed}`);
    if (caught.join() !== violates) {
      wrong.push(`${path}: expected "${violates}"; output:\n${output}`);
    }
  }
  return wrong;
}
