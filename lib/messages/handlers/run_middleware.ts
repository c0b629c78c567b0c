/**
 * Runs a handler inside the middleware.
 *
 * @module
 */
import { extend, type Middleware } from "./middleware.ts";

/** Middleware, whatever it adds and whatever context it asks for. */
// deno-lint-ignore no-explicit-any -- handlers and middleware were typed against each other where they were given
export type AnyMiddleware = Middleware<any, any>;

/**
 * Runs `handle` where the middleware calls `next`. Settles when both have: a
 * call is not over while its handler runs, whether or not the middleware waits.
 *
 * @param middleware stands around it
 * @param context of the call
 * @param handle enters the handler
 */
export async function runInside(
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
          ? "Cannot call next(): the middleware has returned"
          : "Cannot call next() twice: a call is handled once",
      );
    }
    handling = enter(extra);
    handling.catch(() => {}); // what the middleware does not wait for must not end the process
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
