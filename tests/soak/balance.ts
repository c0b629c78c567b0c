/**
 * Compares the outcomes of calls with the runs of their handlers.
 *
 * @module
 */
import { IDEMPOTENT, type Outcome } from "./bank.ts";

/** Sums of a soak test, and what does not balance. */
export interface Balance {
  /** Calls by outcome: `ok`, or the error's code and `processed`. */
  readonly sums: Readonly<Record<string, number>>;
  /** Number of handler entries. */
  readonly entries: number;
  /** Calls whose outcome contradicts their entries. */
  readonly wrong: readonly string[];
}

/**
 * Returns the balance.
 *
 * @param made number of calls that the client made
 * @param outcomes outcome of each call
 * @param entered id of the call of each handler entry
 */
export function balance(
  made: number,
  outcomes: readonly Outcome[],
  entered: readonly number[],
): Balance {
  const runs = new Map<number, number>();
  for (const id of entered) runs.set(id, (runs.get(id) ?? 0) + 1);
  const sums: Record<string, number> = {};
  const wrong: string[] = [];
  const settled = new Set<number>();
  for (const [id, method, outcome, processed] of outcomes) {
    const key = processed === undefined ? outcome : `${outcome} ${processed}`;
    sums[key] = (sums[key] ?? 0) + 1;
    const times = runs.get(id) ?? 0;
    const call = `${method} ${id} (${key})`;
    if (settled.has(id)) wrong.push(`${call} has settled twice`);
    settled.add(id);
    if (times > 1 && !IDEMPOTENT.has(method)) {
      wrong.push(`${call} ran ${times} times`);
    }
    if (processed === "no" && times > 0) wrong.push(`${call} ran`);
    if ((outcome === "ok" || processed === "yes") && times === 0) {
      wrong.push(`${call} did not run`);
    }
  }
  if (settled.size !== made) {
    wrong.push(`${made} calls were made, but ${settled.size} have settled`);
  }
  return { sums, entries: entered.length, wrong };
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
