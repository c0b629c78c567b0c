/**
 * Simulates clients for many seeds, or replays one; cuts a link after every
 * byte; and shows that each invariant catches a fault planted in the library.
 *
 * Usage: deno task simulate:clients [seed | first-last | bytes | mutants]
 *
 * @module
 */
import { cutEvery } from "./every_byte.ts";
import { plantAll } from "../../mutation/planted.ts";
import type { Report, Seeds } from "./simulate_worker.ts";
import { simulate } from "./simulate_worker.ts";
import { INVARIANTS } from "./world_invariants.ts";
import type { Counts } from "./world_ledger.ts";
import { MUTANTS } from "./world_mutants.ts";
import { CLASSES, classOf, type SeedClass } from "./world_plan.ts";

const SEEDS: Seeds = { first: 1, step: 1, last: 2_000 };
const WORKERS = 2;
/** Seeds in which a planted fault must be noticed. */
const MUTANT_SEEDS = "1-120";
const MUTANT_DEADLINE = 120_000;

/** Events of sessions whose links are lost at one end first. */
const CUT = ["resumes", "replays", "fences"] as const; // names of counts

/** Events that must occur in each class, or its runs are worth nothing. */
const OCCURS: Readonly<Record<SeedClass, readonly (keyof Counts)[]>> = {
  calm: ["entries"],
  cuts: ["resends", "resumes", "replays", "repeats", "losses"],
  "half-open": [...CUT, "resends", "repeats", "losses"],
  silence: ["resumes", "replays", "resends", "repeats", "losses", "backoffs"],
  restarts: ["resends", "repeats", "losses", "backoffs", "waits"],
  drains: ["resends", "continued", "drains", "backoffs"],
  load: ["resends", "refusals", "unprocessed"],
  refusals: ["resends", "losses", "refusals", "backoffs", "waits"],
  storm: ["resends", "drains", "waits"],
  resumed: [...CUT, "entries"],
  full: [...CUT, "fullRings", "losses"],
  all: [
    "resends",
    ...CUT,
    "continued",
    "gaps",
    "repeats",
    "drains",
    "losses",
    "refusals",
    "backoffs",
    "waits",
  ],
};

/** Runs every n-th seed in a worker. */
function runSome(seeds: Seeds): Promise<Report> {
  const url = import.meta.resolve("./simulate_worker.ts");
  const worker = new Worker(url, { type: "module" });
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Report>) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(seeds);
  });
}

async function runAll({ first, last }: Seeds): Promise<void> {
  const reports = await Promise.all(
    Array.from(
      { length: WORKERS },
      (_, index) => runSome({ first: first + index, step: WORKERS, last }),
    ),
  );
  const failures = reports.flatMap((report) => report.failures);
  for (const { seed, invariant, what } of failures) {
    console.error(`seed ${seed} (${classOf(seed)}): ${invariant}: ${what}`);
  }
  const missing = CLASSES.flatMap((name) => {
    const total = (count: keyof Counts) =>
      reports.reduce((sum, { counts }) => sum + counts[name][count], 0);
    const line = OCCURS[name].map((count) => `${total(count)} ${count}`);
    console.log(`${name}: ${line.join(", ")}`);
    return OCCURS[name].filter((count) => total(count) === 0)
      .map((count) => `${name}: no ${count}`);
  });
  for (const what of missing) console.error(what);
  if (failures.length + missing.length > 0) Deno.exit(1);
  console.log(`In runs ${first} to ${last}, every invariant held.`);
}

async function cutAll(): Promise<void> {
  const { failures, cuts, counts } = await cutEvery(1);
  for (const what of failures) console.error(what);
  if (failures.length > 0) Deno.exit(1);
  const { resends, failed } = counts;
  console.log(`${cuts} cuts: ${resends} calls resent, ${failed} failed.`);
}

async function replay(seed: number): Promise<void> {
  console.log(`seed ${seed} (${classOf(seed)})`);
  const { failures } = await simulate({ first: seed, step: 1, last: seed });
  for (const { invariant, what } of failures) {
    console.error(`${invariant}: ${what}`);
  }
  if (failures.length > 0) Deno.exit(1);
  console.log("Every invariant held.");
}

async function checkMutants(): Promise<void> {
  const wrong = await plantAll({
    invariants: Object.keys(INVARIANTS) as (keyof typeof INVARIANTS)[], // its own keys
    mutants: MUTANTS,
    args: ["tests/messages/client/simulate.ts", MUTANT_SEEDS],
    workers: WORKERS,
    deadline: MUTANT_DEADLINE,
  });
  for (const what of wrong) console.error(what);
  if (wrong.length > 0) Deno.exit(1);
  console.log("Each planted fault violates one invariant.");
}

const [what] = Deno.args;
const range = /^(\d+)-(\d+)$/.exec(what ?? "");
if (what === "mutants") await checkMutants();
else if (what === "bytes") await cutAll();
else if (range !== null) {
  await runAll({ first: Number(range[1]), step: 1, last: Number(range[2]) });
} else if (what !== undefined) await replay(Number(what));
else {
  await runAll(SEEDS);
  await cutAll();
}
