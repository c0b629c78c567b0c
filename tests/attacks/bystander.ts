/**
 * A client that calls every 10 ms and counts the calls that it loses.
 *
 * @module
 */

/** Milliseconds between two calls. */
const INTERVAL = 10;

/** Milliseconds that all calls together may take after the last one began. */
const PATIENCE = 20_000;

/**
 * Limits of the bystander's client. It must not take an attacked server for dead
 * that waits for the processor; a call that is not answered counts as lost.
 */
export const BYSTANDER_LIMITS = {
  heartbeat: PATIENCE,
  pendingHeartbeat: PATIENCE,
  queueTimeout: PATIENCE,
} as const;

/** Outcome of the bystander's calls. */
export interface BystanderReport {
  readonly calls: number;
  /** Number of calls that failed or did not settle. */
  readonly lost: number;
  /** How the first of them failed. */
  readonly failure?: string | undefined;
  /** Milliseconds that the slowest hundredth of the calls took at least. */
  readonly p99: number;
}

/** Calls every 10 ms until it is stopped. */
export class Bystander {
  readonly #call: () => PromiseLike<unknown>;
  readonly #times: number[] = [];
  readonly #calls: Promise<void>[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #failure: string | undefined;

  /** @param call makes a call; it rejects if the call is lost */
  constructor(call: () => PromiseLike<unknown>) {
    this.#call = call;
    this.#timer = setInterval(() => this.#calls.push(this.#once()), INTERVAL);
  }

  async #once(): Promise<void> {
    const start = performance.now();
    try {
      await this.#call();
      this.#times.push(performance.now() - start);
    } catch (error) {
      this.#failure ??= String(error); // lost: its time is missing
    }
  }

  /** Stops, and waits for the calls in flight. */
  async stop(): Promise<BystanderReport> {
    clearInterval(this.#timer);
    let timer;
    await Promise.race([
      Promise.all(this.#calls),
      new Promise((resolve) => timer = setTimeout(resolve, PATIENCE)),
    ]);
    clearTimeout(timer);
    const times = this.#times.toSorted((one, other) => one - other);
    return {
      calls: this.#calls.length,
      lost: this.#calls.length - times.length,
      failure: this.#failure,
      p99: times[Math.floor(times.length * 0.99)] ?? 0,
    };
  }
}
