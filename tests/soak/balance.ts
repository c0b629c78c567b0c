/**
 * Compares the outcomes of calls with the runs of their handlers.
 *
 * @module
 */
import { IDEMPOTENT, type Outcome, type Sent } from "./bank.ts";

/** The ledgers that the processes of a soak test have written. */
export interface Ledger {
  /** The calls that were made. */
  readonly sent: readonly Sent[];
  /** The outcome of each call. */
  readonly outcomes: readonly Outcome[];
  /** Id of the call of each handler entry. */
  readonly entered: readonly number[];
  /** Returns whether the client of a call was killed. */
  killed(id: number): boolean;
}

/** Sums of a soak test, and what does not balance. */
export interface Balance {
  /** Calls by outcome: `ok`, the error's code and `processed`, or `killed`. */
  readonly sums: Readonly<Record<string, number>>;
  /** Number of handler entries by method. */
  readonly entries: Readonly<Record<string, number>>;
  /** Calls whose outcome contradicts their entries. */
  readonly wrong: readonly string[];
}

/** Compares the calls with their outcomes and the entries of their handlers. */
export function balance(ledger: Ledger): Balance {
  const methods = new Map(ledger.sent);
  const runs = new Map<number, number>();
  const entries: Record<string, number> = {};
  const wrong: string[] = [];
  for (const id of ledger.entered) {
    runs.set(id, (runs.get(id) ?? 0) + 1);
    const method = methods.get(id);
    if (method === undefined) wrong.push(`${id} ran, but was never made`);
    else entries[method] = (entries[method] ?? 0) + 1;
  }
  const sums: Record<string, number> = {};
  const settled = new Map<number, string>();
  for (const [id, method, outcome, processed] of ledger.outcomes) {
    const key = processed === undefined ? outcome : `${outcome} ${processed}`;
    sums[key] = (sums[key] ?? 0) + 1;
    const times = runs.get(id) ?? 0;
    const call = `${method} ${id} (${key})`;
    if (!methods.has(id)) wrong.push(`${call} was never made`);
    if (settled.has(id)) wrong.push(`${call} has settled twice`);
    settled.set(id, key);
    if (processed === "no" && times > 0) wrong.push(`${call} ran`);
    if ((outcome === "ok" || processed === "yes") && times === 0) {
      wrong.push(`${call} did not run`);
    }
  }
  for (const [id, method] of methods) {
    const times = runs.get(id) ?? 0;
    const outcome = settled.get(id) ?? "killed";
    const call = `${method} ${id} (${outcome})`;
    if (times > 1 && !IDEMPOTENT.has(method)) {
      wrong.push(`${call} ran ${times} times`);
    }
    if (settled.has(id)) continue;
    if (ledger.killed(id)) sums.killed = (sums.killed ?? 0) + 1;
    else wrong.push(`${method} ${id} has not settled`);
  }
  return { sums, entries, wrong };
}

/**
 * Returns why a measurement grows, or `undefined`.
 *
 * Compares the median of the last third with that of the middle third; the
 * first third warms up.
 *
 * @param values the measurements, in order
 * @param room growth that is not a leak, such as code that was compiled late
 */
export function growth(
  values: readonly number[],
  room: number,
): string | undefined {
  const third = Math.floor(values.length / 3);
  if (third === 0) return undefined;
  const middle = median(values.slice(third, 2 * third));
  const last = median(values.slice(2 * third));
  return last > middle + room
    ? `from ${Math.round(middle)} to ${Math.round(last)}`
    : undefined;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
