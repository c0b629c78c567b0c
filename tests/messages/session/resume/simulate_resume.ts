/**
 * Checks the invariants of resumption: in simulated sessions, with links that
 * are cut after every byte or lost at one end, and with faults planted in the
 * library.
 *
 * Usage: deno task simulate:resume [runs | bytes | mutants]
 *
 * @module
 */
import {
  compareOffers,
  cutEveryByte,
  disturbWithLateData,
  disturbWithOldLinks,
} from "../../client/resume_world.ts";
import { plantAll } from "../../../mutation/planted.ts";
import { INVARIANTS } from "./resume_invariants.ts";
import { MUTANTS } from "./resume_mutants.ts";
import { runAll } from "./resume_runs.ts";

const SEEDS = 30;
const MUTANT_DEADLINE = 60_000;

function endIf(failures: readonly string[]): void {
  for (const failure of failures) console.error(failure);
  if (failures.length > 0) Deno.exit(1);
}

/** Makes the simulated runs, and loses links at one end. */
async function makeRuns(): Promise<void> {
  const { failures, occurred } = runAll(SEEDS);
  endIf(failures);
  const old = await disturbWithOldLinks(5);
  endIf(old.failures.map((what) => `old links: ${INVARIANTS[3]}: ${what}`));
  const differs = await compareOffers();
  endIf(differs === undefined ? [] : [`offers: ${INVARIANTS[9]}: ${differs}`]);
  const data = await disturbWithLateData(5);
  endIf(data.failures.map((what) => `late data: ${INVARIANTS[3]}: ${what}`));
  const counts = Object.entries({
    ...occurred,
    replaced: old.fences,
    "late bytes": data.late,
  });
  console.log(counts.map(([name, count]) => `${count} ${name}`).join(", "));
  endIf(counts.flatMap(([name, count]) => count === 0 ? `no ${name}` : []));
}

async function cutAll(): Promise<void> {
  const { failures, cuts } = await cutEveryByte(1);
  const old = await disturbWithOldLinks(1);
  const data = await disturbWithLateData(1);
  endIf([...failures, ...old.failures, ...data.failures]);
  console.log(
    `${cuts} cuts, ${old.fences} old links and ${data.late} late bytes changed nothing.`,
  );
}

async function checkMutants(): Promise<void> {
  endIf(
    await plantAll({
      invariants: INVARIANTS,
      mutants: MUTANTS,
      args: ["tests/messages/session/resume/simulate_resume.ts", "runs"],
      workers: 2,
      deadline: MUTANT_DEADLINE,
    }),
  );
  console.log("Each planted fault violates one invariant.");
}

const [what] = Deno.args;
if (what === undefined || what === "runs") await makeRuns();
if (what === undefined || what === "bytes") await cutAll();
if (what === undefined || what === "mutants") await checkMutants();
