/**
 * Promises that an application need not await.
 *
 * @module
 */
import { CallError } from "./call_error.ts";
import { rejectedWhereAwaited } from "./call_stack.ts";

/**
 * Returns a promise with the same outcome, which need not be awaited. A peer can
 * make a notification or an item fail by leaving, and this must not end the
 * process: a rejection with a `CallError` never counts as unhandled. Any other
 * error is the application's own, and counts.
 */
export function mayBeUnawaited<T>(promise: Promise<T>): Promise<T> {
  const result = new Promise<T>((resolve) => {
    promise.then(resolve, (error: unknown) => {
      const unawaited = error instanceof CallError ? result : undefined;
      resolve(rejectedWhereAwaited(error, unawaited));
    });
  });
  return result;
}
