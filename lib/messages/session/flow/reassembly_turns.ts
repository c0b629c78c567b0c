/**
 * Decides which large items may continue when many arrive at once.
 *
 * Credit for the parts of an item is returned before the item is complete, so
 * credit alone does not bound memory. However, a sender that respects its
 * credit must never exceed `maxAssembly`. Therefore, once a quarter of
 * `maxAssembly` is in use, only one item at a time receives credit for its
 * parts, and the others wait for their turn.
 *
 * ```text
 *   0 ──────── a quarter ───────────────────────────────── maxAssembly
 *   │ credit for all │ credit for one item, the others wait │ refused
 * ```
 *
 * The other three quarters are for the active item, and for parts whose credit
 * was granted earlier.
 *
 * @module
 */
import type { ReassemblyBudget } from "./reassembly.ts";
import type { SessionLimits } from "../wire/limits.ts";

/** Turns of streams with large items. `Stream` is a stream's receiving half. */
export class ReassemblyTurns<Stream extends object, Call> {
  /** The stream that has the turn; the others wait for it. */
  #active: Stream | undefined = undefined;
  readonly #waiting: Map<Stream, Call> = new Map();
  readonly #budget: ReassemblyBudget;
  readonly #threshold: number;

  /**
   * @param budget the connection's budget for unfinished messages
   * @param limits this side's limits, of which `maxAssembly` applies
   */
  constructor(budget: ReassemblyBudget, limits: SessionLimits) {
    this.#budget = budget;
    this.#threshold = limits.maxAssembly / 4;
  }

  /** Number of streams waiting for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Returns whether the stream's item may continue. If not, the stream waits
   * for its turn.
   */
  mayContinue(stream: Stream, call: Call): boolean {
    if (stream === this.#active || this.#budget.used <= this.#threshold) {
      return true;
    }
    if (this.#active !== undefined) {
      this.#waiting.set(stream, call);
      return false;
    }
    this.#active = stream;
    return true;
  }

  /**
   * Ends a stream's turn. Its item must have released its claim on the budget.
   *
   * @param stream the stream whose item is complete or dropped
   * @param resume called for each waiting stream that may now have its turn
   */
  done(stream: Stream, resume: (stream: Stream, call: Call) => void): void {
    this.#waiting.delete(stream);
    if (stream === this.#active) this.#active = undefined;
    for (const [next, call] of this.#waiting) {
      const mustWait = this.#active !== undefined &&
        this.#budget.used > this.#threshold;
      if (mustWait) return;
      this.#waiting.delete(next);
      resume(next, call);
    }
  }
}
