/**
 * Runs seeds of the progress simulation for `simulate.ts`.
 *
 * @module
 */
import { ProgressRun } from "./progress.ts";

/** The seeds that a worker runs. */
export interface Seeds {
  readonly first: number;
  readonly step: number;
  readonly last: number;
}

/** A seed that fails, and why. */
export interface Failure {
  readonly seed: number;
  readonly message: string;
}

/** Number of failures after which a worker stops. */
const MOST_FAILURES = 10;

/** Returns why a seed fails, or `undefined`. */
function failureOf(seed: number): string | undefined {
  try {
    new ProgressRun(seed).run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function run({ first, step, last }: Seeds): Failure[] {
  const failures: Failure[] = [];
  for (let seed = first; seed <= last; seed += step) {
    const message = failureOf(seed);
    if (message !== undefined) failures.push({ seed, message });
    if (failures.length === MOST_FAILURES) break;
  }
  return failures;
}

/** The scope of a dedicated worker, of which the default library knows nothing. */
interface WorkerScope {
  onmessage: (event: MessageEvent<Seeds>) => void;
  postMessage(message: Failure[]): void;
}

if ("postMessage" in globalThis) {
  // Stacks would take a twentieth of the time; a replay prints them.
  Error.stackTraceLimit = 0;
  const scope = globalThis as unknown as WorkerScope; // checked above
  scope.onmessage = ({ data }) => scope.postMessage(run(data));
}
