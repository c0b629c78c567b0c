/**
 * Errors that no code handles, collected instead of ending the process.
 *
 * @module
 */

/** A collector of unhandled rejections and uncaught exceptions. */
export class UnhandledErrors {
  #errors: unknown[] = [];

  /** Starts collecting, if the runtime reports such errors as events. */
  constructor() {
    globalThis.addEventListener?.("unhandledrejection", this.#onRejection);
    globalThis.addEventListener?.("error", this.#onError);
  }

  /**
   * Runs a function and waits until its pending errors have been reported.
   *
   * @param run the function
   * @throws its error; without one, the first error that was unhandled
   */
  async during(run: () => Promise<void>): Promise<void> {
    this.#errors = [];
    try {
      await run();
    } finally {
      // A rejection counts as unhandled at the end of a turn of the event loop.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    const [first] = this.#errors;
    if (first === undefined) return;
    throw new Error(`the transport left an error unhandled: ${first}`, {
      cause: first,
    });
  }

  /** Stops collecting. */
  stop(): void {
    globalThis.removeEventListener?.("unhandledrejection", this.#onRejection);
    globalThis.removeEventListener?.("error", this.#onError);
  }

  #onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    this.#errors.push(event.reason ?? new Error("undefined"));
  };

  #onError = (event: ErrorEvent): void => {
    event.preventDefault();
    this.#errors.push(event.error ?? new Error(event.message));
  };
}
