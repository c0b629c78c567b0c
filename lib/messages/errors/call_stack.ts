/**
 * The stacks of failed calls. A session creates their errors while it handles a
 * frame or a timer, where the code that made the call is not on the stack. They
 * get their stacks where they are awaited.
 *
 * @module
 */

const NOTHING: Promise<void> = /* @__PURE__ */ Promise.resolve();

/** Errors whose stacks do not show the code that made the call. */
const FOREIGN: WeakSet<object> = new WeakSet();

/** Marks an error whose stack does not show the caller. */
export function markForeign<E extends Error>(error: E): E {
  FOREIGN.add(error);
  return error;
}

/**
 * Returns a promise that rejects with the error. Resolve another promise with
 * it: the stack of a marked error then shows the code that awaits that one.
 *
 * V8 follows the promises from the running reaction to the functions that await
 * them. The first of the two reactions leaves time for the other promise to
 * adopt this one. A call that succeeds costs nothing more.
 *
 * @param unawaited the other promise, if the application need not await it
 */
export function rejectedWhereAwaited(
  error: unknown,
  unawaited?: Promise<unknown>,
): Promise<never> {
  return NOTHING.then(() => error).then((error) => {
    if (error instanceof Error && FOREIGN.has(error)) {
      Error.captureStackTrace?.(error); // some engines do not have it
    }
    // Not earlier: V8 does not follow a promise with two reactions.
    unawaited?.catch(() => {});
    throw error;
  });
}
