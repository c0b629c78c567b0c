/**
 * Whose large items go on when many come at once. Parts of an item are paid
 * for before it is whole, so that credit alone does not bound them; and a
 * sender who keeps to its credit must not meet `maxAssembly`. So, once much is
 * unfinished, one item after the other gets its credit, and the others wait.
 *
 * ```text
 *   0 ─────────── a quarter ──────────────────────────── maxAssembly
 *   │ all are paid │ the first is paid, the others wait │ refused
 * ```
 *
 * The other three quarters are for the one that goes on, and for what was
 * granted before.
 *
 * @module
 */
import type { ReassemblyBudget } from "./reassembly.ts";
import type { SessionLimits } from "../wire/limits.ts";

/** Who may have its parts paid for. `Stream` is the stream's receiving half. */
export class ReassemblyTurns<Stream extends object, Call> {
  /** The one that goes on; whoever waits, waits for it. */
  #first: Stream | undefined = undefined;
  readonly #waiting: Map<Stream, Call> = new Map();
  readonly #budget: ReassemblyBudget;
  readonly #enough: number;

  /**
   * @param budget bytes of unfinished messages
   * @param limits bounds
   */
  constructor(budget: ReassemblyBudget, limits: SessionLimits) {
    this.#budget = budget;
    this.#enough = limits.maxAssembly / 4;
  }

  /** Streams that wait for their turn. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Whether parts of this stream's item are paid for now; if not, it waits for its turn. */
  mayPay(stream: Stream, call: Call): boolean {
    if (stream === this.#first || this.#budget.used <= this.#enough) {
      return true;
    }
    if (this.#first !== undefined) {
      this.#waiting.set(stream, call);
      return false;
    }
    this.#first = stream;
    return true;
  }

  /**
   * The stream's item is whole, or given up; the budget has its bytes back.
   *
   * @param stream whose item it was
   * @param pay asked for each whose turn may have come
   */
  done(stream: Stream, pay: (stream: Stream, call: Call) => void): void {
    this.#waiting.delete(stream);
    if (stream === this.#first) this.#first = undefined;
    for (const [next, call] of this.#waiting) {
      if (this.#first !== undefined && this.#budget.used > this.#enough) return;
      this.#waiting.delete(next);
      pay(next, call);
    }
  }
}
