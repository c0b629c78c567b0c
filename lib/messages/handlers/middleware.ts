/**
 * Code around every call that a side handles.
 *
 * @module
 */
import type { CallContext } from "./context.ts";

/** What every middleware sees of a call: its context, whatever the protocol. */
export type MiddlewareContext = CallContext<unknown, unknown>;

/**
 * Stands around a handler: may refuse the call, add to its context, look at
 * its result or give another. It is entered once the input is valid. For the
 * shapes with items `next` settles when the last item has gone, and gives
 * `undefined`. What a refusal says of `processed` is `"no"` as long as `next`
 * was not called.
 *
 * @typeParam Extra what it adds to the context of every handler; what the
 * framework has put there cannot be replaced
 * @typeParam Context what it asks for: `ServerContext<typeof Shop, User>` where
 * it looks at the session, or what another middleware has added
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
export type Middleware<
  Extra extends object = Record<never, never>,
  Context extends MiddlewareContext = MiddlewareContext,
> = (
  context: Context,
  next: (extra: Extra) => Promise<unknown>,
) => unknown;

/**
 * Two middlewares as one: the first is the outer, and both add to the context.
 * Give the result a name before it goes into a server's options: the compiler
 * does not see through a call in that place, and the handlers would not know
 * what is added.
 *
 * @param outer sees the call first
 * @param inner sees it next, with what the outer has added
 * @returns asks for what both ask for, but for what the outer adds
 *
 * @example
 * ```ts
 * import {
 *   chain,
 *   type Middleware,
 *   type MiddlewareContext,
 * } from "@lengthwise/lengthwise/messages";
 *
 * const tenant: Middleware<{ tenant: string }> = (context, next) =>
 *   next({ tenant: context.metadata["tenant"] ?? "none" });
 * const audited: Middleware<{ audit: string[] }, MiddlewareContext & { tenant: string }> =
 *   (context, next) => next({ audit: [`${context.tenant} calls ${context.method}`] });
 * const both: Middleware<{ tenant: string } & { audit: string[] }> = chain(tenant, audited);
 * ```
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
      // What the inner one asks for is what was there, and what the outer one adds.
      const extended: unknown = extend(context, first);
      const inside = (async () =>
        await inner(
          extended as Inner,
          (second) => next({ ...first, ...second }),
        ))();
      inside.catch(() => {}); // for an outer one that does not wait
      return inside;
    });
}

/**
 * Adds to a context; the handler gets the same object.
 *
 * @throws {TypeError} for a name that is the framework's
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
        }" to the context: the framework has put something there; use another name`,
      );
    }
  }
  return Object.assign(context, extra);
}
