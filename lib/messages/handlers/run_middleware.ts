/**
 * Runs middleware around a handler.
 *
 * @module
 */
import { extend, type Middleware } from "./middleware.ts";

/** Middleware with any required context and any added members. */
// deno-lint-ignore no-explicit-any -- serve() and connect() have checked middleware and handlers against each other
export type AnyMiddleware = Middleware<any, any>;

/**
 * Runs the middleware, and `handle` when the middleware calls `next()`.
 *
 * Settles when both have settled, even if the middleware does not wait for the
 * handler, because the call is in progress as long as its handler runs.
 *
 * @param middleware the middleware
 * @param context context of the call
 * @param handle a function that enters the handler
 */
export async function runMiddleware(
  middleware: AnyMiddleware,
  context: object,
  handle: (context: object) => unknown,
): Promise<unknown> {
  let handling: Promise<unknown> | undefined;
  let over = false;
  function next(extra: object): Promise<unknown> {
    if (over || handling !== undefined) {
      throw new TypeError(
        over
          ? "Cannot call next(): the middleware has already returned"
          : "Cannot call next() twice: a call is handled only once",
      );
    }
    handling = enter(extra);
    handling.catch(() => {}); // the middleware might not await it
    return handling;
  }
  async function enter(extra: object): Promise<unknown> {
    return await handle(extend(context, extra));
  }
  try {
    return await middleware(context, next);
  } finally {
    over = true;
    await handling?.catch(() => {});
  }
}
