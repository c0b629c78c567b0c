/**
 * An `AbortSignal` that is created on first use.
 *
 * A server may hold thousands of idle sessions, and most programs never read
 * their signals.
 *
 * @module
 */

/** Abort signal, created on first use, that fires at most once. */
export class LazySignal {
  #controller: AbortController | undefined = undefined;
  #fired = false;

  /** The signal; already aborted if {@linkcode LazySignal.fire} was called. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Aborts the signal; a signal created later is already aborted. */
  fire(): void {
    this.#fired = true;
    this.#controller?.abort();
  }
}
