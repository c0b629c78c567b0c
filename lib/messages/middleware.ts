/**
 * Code around every call that a side handles.
 *
 * @module
 */
import type { CallContext } from "./context.ts";

/** What middleware sees of a call: its context, whatever the protocol. */
export type MiddlewareContext = CallContext<unknown, unknown>;

/**
 * Stands around a handler: may refuse the call, add to its context, look at
 * its result. For the shapes with items `next` settles when the last item has
 * gone, and gives `undefined`.
 *
 * @typeParam Extra what it adds to the context of every handler
 *
 * @example Who may call
 * ```ts
 * import type { Middleware } from "@lengthwise/lengthwise/messages";
 *
 * const named: Middleware<{ user: string }> = (context, next) => {
 *   const user = context.metadata["user"];
 *   if (user === undefined) throw context.refuse("unauthenticated", "Say who you are");
 *   return next({ user });
 * };
 * ```
 */
export type Middleware<Extra extends object = Record<never, never>> = (
  context: MiddlewareContext,
  next: (extra: Extra) => Promise<unknown>,
) => unknown;

/**
 * Two middlewares as one: the first is the outer, and both add to the context.
 *
 * @param outer sees the call first
 * @param inner sees it next, with what the outer has added
 *
 * @example
 * ```ts
 * import { chain, type Middleware } from "@lengthwise/lengthwise/messages";
 *
 * const timed: Middleware = async (context, next) => {
 *   const result = await next({});
 *   console.log(context.method);
 *   return result;
 * };
 * const tenant: Middleware<{ tenant: string }> = (context, next) =>
 *   next({ tenant: context.metadata["tenant"] ?? "none" });
 * const both: Middleware<{ tenant: string }> = chain(timed, tenant);
 * ```
 */
export function chain<A extends object, B extends object>(
  outer: Middleware<A>,
  inner: Middleware<B>,
): Middleware<A & B> {
  return (context, next) =>
    outer(context, async (first) => {
      const extended = extend(context, first);
      return await inner(extended, (second) => next({ ...first, ...second }));
    });
}

/** A context with more in it; what it had, getters included, stays as it was. */
export function extend<C extends object, E extends object>(
  context: C,
  extra: E,
): C & E {
  const extended: object = Object.create(
    context,
    Object.getOwnPropertyDescriptors(extra),
  );
  return extended as C & E; // it inherits from the one and has copies of the other's
}
