/**
 * Middleware: functions that run around every call that a side handles.
 *
 * @module
 */
import type { CallContext } from "./context.ts";

/**
 * Context of a call as middleware sees it, independent of the protocol.
 *
 * @category Servers
 */
export type MiddlewareContext = CallContext<unknown, unknown>;

/**
 * Function around the handler of every call that a side handles.
 *
 * A middleware may refuse the call by throwing, add members to the context by
 * passing them to `next()`, and read or replace the result, which it returns.
 * It runs after the input has been validated. `next()` may be called once; it
 * resolves to the handler's result or, for `serverStream` and `duplex`, to
 * `undefined` once the last item has been sent.
 *
 * If a middleware throws before it calls `next()`, the caller's error has
 * `processed: "no"`.
 *
 * @typeParam Extra members that the middleware adds to the context; it cannot
 * replace the framework's members
 * @typeParam Context the context that the middleware requires, such as
 * `ServerContext<typeof Shop, User>` to use the session, or one with the members
 * that another middleware adds
 *
 * @example Require a user name
 * ```ts
 * import type { Middleware } from "@lengthwise/lengthwise";
 *
 * const named: Middleware<{ user: string }> = (context, next) => {
 *   const user = context.metadata["user"];
 *   if (user === undefined) throw context.refuse("Say who you are", { code: "unauthenticated" });
 *   return next({ user });
 * };
 * ```
 *
 * @category Servers
 */
export type Middleware<
  Extra extends object = Record<never, never>,
  Context extends MiddlewareContext = MiddlewareContext,
> = (
  context: Context,
  next: (extra: Extra) => Promise<unknown>,
) => unknown;

/**
 * Combines two middlewares; the second runs inside the first.
 *
 * The members that either adds are available to handlers. Assign the result to a
 * variable before you pass it to a server's options: the compiler cannot infer
 * the added members from a nested call.
 *
 * @param outer the middleware that runs first
 * @param inner the middleware that runs inside `outer`; its context has the
 * members that `outer` adds
 * @returns the combined middleware; its context must have the members that either
 * requires, except for the ones that `outer` adds
 * @throws {TypeError} when the combined middleware runs, if either middleware
 * adds a member that the framework's context already has
 *
 * @example
 * ```ts
 * import {
 *   chain,
 *   type Middleware,
 *   type MiddlewareContext,
 * } from "@lengthwise/lengthwise";
 *
 * const tenant: Middleware<{ tenant: string }> = (context, next) =>
 *   next({ tenant: context.metadata["tenant"] ?? "none" });
 * const audited: Middleware<{ audit: string[] }, MiddlewareContext & { tenant: string }> =
 *   (context, next) => next({ audit: [`${context.tenant} calls ${context.method}`] });
 * const both: Middleware<{ tenant: string } & { audit: string[] }> = chain(tenant, audited);
 * ```
 *
 * @category Servers
 */
export function chain<
  A extends object,
  B extends object,
  Outer extends MiddlewareContext,
  Inner extends MiddlewareContext,
>(
  outer: Middleware<A, Outer>,
  inner: Middleware<B, Inner>,
): Middleware<A & B, Outer & Omit<Inner, keyof A>> {
  return (context, next) =>
    outer(context, (first) => {
      // The inner middleware also sees the members that the outer one adds.
      const extended: unknown = extend(context, first);
      const inside = (async () =>
        await inner(
          extended as Inner,
          (second) => next({ ...first, ...second }),
        ))();
      inside.catch(() => {}); // the outer middleware might not await it
      return inside;
    });
}

/**
 * Adds members to a context and returns the same object.
 *
 * @throws {TypeError} if the framework's context has a member of the same name
 */
export function extend<C extends object, E extends object>(
  context: C,
  extra: E,
): C & E {
  for (const key of Reflect.ownKeys(extra)) {
    if (key in context && !Object.hasOwn(context, key)) {
      throw new TypeError(
        `Cannot add "${
          String(key)
        }" to the context: the framework uses this name; use another one`,
      );
    }
  }
  return Object.assign(context, extra);
}
