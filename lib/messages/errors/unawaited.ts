/**
 * Promises that an application need not await.
 *
 * @module
 */
import { CallError, SessionError } from "./call_error.ts";
import { rejectedWhereAwaited } from "./call_stack.ts";

/**
 * Returns a promise with the same outcome, which need not be awaited. A peer can
 * make a notification or an item fail by leaving, and this must not end the
 * process: a rejection with a `CallError` or a `SessionError` never counts as
 * unhandled. Any other error is the application's own, and counts.
 */
export function mayBeUnawaited<T>(promise: Promise<T>): Promise<T> {
  const result = new Promise<T>((resolve) => {
    promise.then(resolve, (error: unknown) => {
      const peers = error instanceof CallError || error instanceof SessionError;
      resolve(rejectedWhereAwaited(error, peers ? result : undefined));
    });
  });
  return result;
}

/**
 * Returns whether a call failed because its session ended or drains.
 *
 * A server may also have refused the session of an early call. Two calls that are
 * awaited one after the other then fail together, and the second one must not end
 * the process.
 */
export function endedWithSession(error: unknown): boolean {
  if (!(error instanceof CallError)) return false;
  const { code, cause } = error;
  return code === "disconnected" || code === "unavailable" ||
    // A handler's refusal has no cause.
    code === "unauthenticated" && cause instanceof SessionError;
}
