/**
 * Runs middleware around a handler.
 *
 * @module
 */
import {
  type AnyMiddleware,
  checkAdded,
  checkResult,
  extend,
  type MiddlewareResult,
  type Next,
} from "./middleware.ts";

/**
 * Runs the middleware, and `handle` when the middleware calls `next()`.
 *
 * Settles when both have settled, even if the middleware does not wait for the
 * handler, because the call is in progress as long as its handler runs.
 *
 * @param middleware the middleware
 * @param context context of the call
 * @param handle a function that enters the handler
 * @returns the output of the call
 */
export async function runMiddleware(
  middleware: AnyMiddleware,
  context: object,
  handle: (context: object) => unknown,
): Promise<unknown> {
  let handling: Promise<MiddlewareResult<object>> | undefined;
  let over = false;
  function next(
    added: object = {},
    more?: unknown,
  ): Promise<MiddlewareResult<object>> {
    checkAdded(added, more);
    if (over || handling !== undefined) {
      throw new TypeError(
        over
          ? "Cannot call next(): the middleware has already returned"
          : "Cannot call next() twice: a call is handled only once",
      );
    }
    handling = enter(added);
    handling.catch(() => {}); // the middleware might not await it
    return handling;
  }
  async function enter(added: object): Promise<MiddlewareResult<object>> {
    return { output: await handle(extend(context, added)) };
  }
  try {
    const result = await middleware(context, next as Next); // the added members have no value of their own
    return checkResult(result).output;
  } finally {
    over = true;
    await handling?.catch(() => {});
  }
}
