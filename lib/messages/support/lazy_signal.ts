/**
 * An `AbortSignal` that is made when somebody asks for it: of thousands of idle
 * sessions hardly one is ever asked.
 *
 * @module
 */

/** Fires at most once. */
export class LazySignal {
  #controller: AbortController | undefined = undefined;
  #fired = false;

  /** The signal, fired already if {@linkcode LazySignal.fire} was called. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** Fires it, now or as soon as it is asked for. */
  fire(): void {
    this.#fired = true;
    this.#controller?.abort();
  }
}
