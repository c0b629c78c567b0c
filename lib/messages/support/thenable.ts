/**
 * What `await` would wait for, told without waiting.
 *
 * @module
 */

/**
 * Whether it is a promise, or behaves like one. What is to be waited for goes
 * through `Promise.resolve()` first: only a promise settles once.
 *
 * @throws what its own code throws when it is asked: anything may have been given
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise ||
    (typeof value === "object" && value !== null ||
        typeof value === "function") &&
      "then" in value &&
      typeof value.then === "function";
}

/** Waits for nothing; if it is a promise that rejects, somebody is told. */
export function unawaited(
  value: unknown,
  failed: (error: unknown) => void,
): void {
  if (isThenable(value)) Promise.resolve(value).catch(failed);
}
