/**
 * Runs the progress simulation for many seeds, or replays one.
 *
 * Usage: deno task simulate [seed]
 *
 * @module
 */
import { ProgressRun } from "./progress.ts";
import { traitsOf } from "./progress_plan.ts";
import type { Failure, Seeds } from "./simulate_worker.ts";

const SEEDS = 10_000;
const WORKERS = 2;

function describe(seed: number): string {
  const names = Object.entries(traitsOf(seed)).flatMap(([name, on]) =>
    on ? [name] : []
  );
  return `seed ${seed} (${names.join(", ")})`;
}

/** Runs every n-th seed in a worker; returns the failing seeds. */
function runSome(seeds: Seeds): Promise<Failure[]> {
  const url = import.meta.resolve("./simulate_worker.ts");
  const worker = new Worker(url, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Failure[]>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(seeds);
  });
}

async function runAll(): Promise<void> {
  const runs = Array.from(
    { length: WORKERS },
    (_, index) => runSome({ first: index + 1, step: WORKERS, last: SEEDS }),
  );
  const failures = (await Promise.all(runs)).flat();
  for (const { seed, message } of failures) {
    console.error(`${describe(seed)}:\n${message}\n`);
  }
  if (failures.length > 0) Deno.exit(1);
  console.log(`In ${SEEDS} runs, nothing waits without a reason.`);
}

function replay(seed: number): void {
  console.log(describe(seed));
  new ProgressRun(seed).run();
  console.log("Nothing waits without a reason.");
}

if (Deno.args[0] === undefined) await runAll();
else replay(Number(Deno.args[0]));
