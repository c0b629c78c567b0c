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
  readonly #succeeded: MethodCounters[] = [];
  readonly #failed: MethodCounters[] = [];
  #since = 0;

  /** Adds a call that ended with a result. */
  succeeded(counters: MethodCounters, startedAt: number): void {
    this.#since = startedAt;
    this.#succeeded.push(counters);
  }

  /** Adds a call that ended with an error. */
  failed(counters: MethodCounters, startedAt: number): void {
    this.#since = startedAt;
    this.#failed.push(counters);
  }

  /** Divides the time of the turn, which has ended, among its calls. */
  settle(now: number): void {
    const count = this.#succeeded.length + this.#failed.length;
    if (count === 0) return;
    const each = Math.max(0, now - this.#since) / count;
    for (const counters of this.#succeeded) counters.took(each);
    for (const counters of this.#failed) counters.time += each;
    this.#succeeded.length = this.#failed.length = 0;
  }
}
