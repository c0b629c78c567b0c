/**
 * Bounds the number of calls that a client sends again.
 *
 * Otherwise, retries would bury a server that fails.
 *
 * @module
 */

/** Size of the budget; see `CreateClientOptions`. */
export interface RetryBudgetOptions {
  /** Calls that may be sent again per second, whatever succeeds. */
  readonly perSecond: number;
  /** Calls that may be sent again for each call that succeeds. */
  readonly ratio: number;
}

/** Number of seconds that the budget looks back. */
export const BUDGET_SECONDS = 10;

/** Budget over the last seconds, in buckets of one second. */
export class RetryBudget {
  readonly #perSecond: number;
  readonly #ratio: number;
  readonly #successes: number[] = new Array(BUDGET_SECONDS).fill(0);
  readonly #retries: number[] = new Array(BUDGET_SECONDS).fill(0);
  #second = 0;

  /** @param options a floor, and a share of the calls that succeed */
  constructor(options: RetryBudgetOptions) {
    this.#perSecond = options.perSecond;
    this.#ratio = options.ratio;
  }

  /** Counts a call that succeeded. */
  succeeded(now: number): void {
    this.#advance(now);
    this.#successes[this.#second % BUDGET_SECONDS]!++; // in range: a modulus
  }

  /** Pays for a call that is sent again; returns `false` if it may not be. */
  take(now: number): boolean {
    this.#advance(now);
    const most = BUDGET_SECONDS * this.#perSecond +
      this.#ratio * sum(this.#successes);
    if (sum(this.#retries) + 1 > most) return false;
    this.#retries[this.#second % BUDGET_SECONDS]!++; // as above
    return true;
  }

  /** Forgets the seconds that are too long ago. */
  #advance(now: number): void {
    const second = Math.floor(now / 1000);
    const first = Math.max(this.#second + 1, second - BUDGET_SECONDS + 1);
    for (let next = first; next <= second; next++) {
      this.#successes[next % BUDGET_SECONDS] = 0;
      this.#retries[next % BUDGET_SECONDS] = 0;
    }
    this.#second = Math.max(this.#second, second);
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
