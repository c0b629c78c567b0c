/**
 * Durations of calls that end in the turn in which they began.
 *
 * The clock is read once for all frames of a turn, so these calls begin and end
 * at the same time. They share the time that the turn took.
 *
 * @module
 */
import type { MethodCounters } from "./method_counters.ts";

/** The calls of the turn in progress. */
export class TurnDurations {
  readonly #ended: MethodCounters[] = [];
  #since = 0;

  /** Adds a call that ended with a result. */
  add(counters: MethodCounters, startedAt: number): void {
    if (this.#ended.length === 0) this.#since = startedAt;
    this.#ended.push(counters);
  }

  /** Divides the time of the turn, which has ended, among its calls. */
  settle(now: number): void {
    if (this.#ended.length === 0) return;
    const each = Math.max(0, now - this.#since) / this.#ended.length;
    for (const counters of this.#ended) counters.took(each);
    this.#ended.length = 0;
  }
}
