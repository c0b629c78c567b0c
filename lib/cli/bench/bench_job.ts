/**
 * A benchmark as data, which can be sent to workers in parts.
 *
 * @module
 */
import type { Target } from "../connecting.ts";
import type { CallableMethod, DynamicCallOptions } from "../dynamic_method.ts";
import { usage } from "../errors.ts";
import type { LoadOptions, Loop } from "./load.ts";

/** The calls of a benchmark, or of one of its workers. */
export interface BenchJob {
  /** The server. */
  readonly target: Target;
  /** The method. */
  readonly method: CallableMethod;
  /** Input of each call. */
  readonly input: unknown;
  /** Options of each call. */
  readonly options: DynamicCallOptions;
  /** When calls are made. */
  readonly load: LoadOptions;
  /** Number of sessions. */
  readonly connections: number;
}

/**
 * Divides a benchmark among workers.
 *
 * The workers of an open loop take turns, so that the intended starts of all calls
 * are evenly spaced.
 *
 * @throws {CliError} if there are more workers than connections or calls at a time
 */
export function splitJob(job: BenchJob, workers: number): BenchJob[] {
  const { load, connections } = job;
  checkShare(workers, "connections", connections);
  if (load.loop.kind === "closed") {
    checkShare(workers, "concurrency", load.loop.concurrency);
  }
  return Array.from({ length: workers }, (_, index) => ({
    ...job,
    connections: shareOf(connections, workers, index),
    load: {
      ...load,
      loop: loopOf(load.loop, workers, index),
      delay: load.loop.kind === "open" ? index * 1000 / load.loop.rate : 0,
    },
  }));
}

function checkShare(workers: number, flag: string, count: number): void {
  if (count >= workers) return;
  throw usage(
    `Cannot divide --${flag} ${count} among ${workers} workers`,
    `each worker needs one of its own: use --${flag} ${workers} or more`,
  );
}

function loopOf(loop: Loop, workers: number, index: number): Loop {
  return loop.kind === "open" ? { kind: "open", rate: loop.rate / workers } : {
    kind: "closed",
    concurrency: shareOf(loop.concurrency, workers, index),
  };
}

/** Returns the share of one worker, as a whole number. */
function shareOf(count: number, workers: number, index: number): number {
  return Math.floor(count / workers) + (index < count % workers ? 1 : 0);
}
