/**
 * Waits of checks that end with an error.
 *
 * @module
 */

/**
 * Waits for a promise, or fails if that takes too long.
 *
 * @param what names the event in the error
 */
export type Within = <T>(wait: PromiseLike<T>, what: string) => Promise<T>;

/** Returns a function that waits at most this long, in ms. */
export function deadline(timeout: number): Within {
  return async (wait, what) => {
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`${what} did not happen within ${timeout} ms`)),
      timeout,
    );
    try {
      return await Promise.race([wait, promise]);
    } finally {
      clearTimeout(timer);
    }
  };
}
