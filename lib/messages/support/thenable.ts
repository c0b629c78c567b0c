/**
 * Detects thenables without awaiting them.
 *
 * @module
 */

/**
 * Returns whether a value is a promise or another thenable.
 *
 * Pass a thenable through `Promise.resolve()` before waiting for it: only a
 * real promise is guaranteed to settle at most once.
 *
 * @throws the error thrown by a getter or proxy trap of the value, if any
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise ||
    (typeof value === "object" && value !== null ||
        typeof value === "function") &&
      "then" in value &&
      typeof value.then === "function";
}

/** Reports the rejection of a promise without waiting for it. */
export function reportRejection(
  value: unknown,
  report: (error: unknown) => void,
): void {
  if (isThenable(value)) Promise.resolve(value).catch(report);
}

/**
 * Makes `await` reject for a setup whose `handle()` was forgotten. Otherwise, the
 * program would go on without a server.
 *
 * @param name the function that returned the setup
 */
export function withoutHandlers<Setup extends object>(
  name: string,
  setup: Setup,
): Setup {
  const then = (_: unknown, reject: (error: TypeError) => void) =>
    reject(
      new TypeError(
        `Cannot serve without handlers: call handle() on the result of ${name}`,
      ),
    );
  return Object.defineProperty(setup, "then", { value: then });
}
