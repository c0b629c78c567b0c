/**
 * Runs asynchronous functions one after the other.
 *
 * @module
 */

const DONE: Promise<void> = /* @__PURE__ */ Promise.resolve();

/** A queue of asynchronous functions. Each begins after the one before it. */
export class InOrder {
  /** Resolves after the last function. */
  #last: Promise<void> = DONE;

  /**
   * Runs a function after those before it, whether they fail or not. The code
   * that awaits the result runs before the next function.
   *
   * The stack of its error shows the code that awaits the result. The result
   * need not be awaited.
   */
  run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#last;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last = promise;
    const inTurn = async () => {
      await before;
      try {
        return await work();
      } catch (error) {
        // Not earlier: V8 does not follow a promise with two reactions.
        result.catch(() => {});
        throw error;
      } finally {
        DONE.then(resolve); // not yet: the result is not settled
      }
    };
    const result: Promise<T> = inTurn();
    return result;
  }
}
