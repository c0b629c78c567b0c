/**
 * Promises that a program need not await.
 *
 * @module
 */

/** Returns the promise after marking its rejection as handled. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
