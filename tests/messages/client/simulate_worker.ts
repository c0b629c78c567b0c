/**
 * Runs seeds of the client simulation for `simulate.ts`.
 *
 * @module
 */
import { type Violation, violations } from "./world_invariants.ts";
import { type Counts, noCounts } from "./world_ledger.ts";
import { CLASSES, classOf, type SeedClass } from "./world_plan.ts";
import { Run } from "./world.ts";

/** The seeds that a worker runs. */
export interface Seeds {
  readonly first: number;
  readonly step: number;
  readonly last: number;
}

/** Seeds that fail, and what happened in all of them. */
export interface Report {
  readonly failures: (Violation & { readonly seed: number })[];
  readonly counts: Record<SeedClass, Counts>;
}

/** Number of violations of one invariant after which no more are kept. */
const MOST = 3;

/** Runs seeds one after the other. */
export async function simulate({ first, step, last }: Seeds): Promise<Report> {
  const failures: Report["failures"] = [];
  const counts = Object.fromEntries(
    CLASSES.map((name) => [name, noCounts()]),
  ) as Report["counts"]; // one for each class
  const add = (seed: number, invariant: string, what: string) => {
    const known = failures.filter((each) => each.invariant === invariant);
    if (known.length < MOST) failures.push({ seed, invariant, what });
  };
  for (let seed = first; seed <= last; seed += step) {
    try {
      const { ledger, plan } = await new Run(seed).run();
      ledger.count(counts[classOf(seed)]);
      for (const { invariant, what } of violations(ledger, plan)) {
        add(seed, invariant, what);
      }
    } catch (error) {
      add(seed, "the run ends", String(error));
    }
  }
  return { failures, counts };
}

/** The scope of a dedicated worker, of which the default library knows nothing. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Seeds>) => void;
  postMessage(message: Report): void;
}

if ("postMessage" in globalThis) {
  // Stacks would take a twentieth of the time; a replay prints them.
  Error.stackTraceLimit = 0;
  const scope = globalThis as unknown as WorkerScope; // checked above
  scope.onmessage = async ({ data }) => scope.postMessage(await simulate(data));
}
