/**
 * Middleware: functions that run around handlers.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import {
  checkMembers,
  type OptionNames,
  withInherited,
} from "../support/check_options.ts";
import type { CallContext } from "./context.ts";

/**
 * Context of a call as middleware sees it, independent of the protocol.
 *
 * @category Servers
 */
export type MiddlewareContext = CallContext<unknown, unknown>;

/**
 * Result of a middleware.
 *
 * @typeParam Added members that the middleware added to the context
 *
 * @category Handlers
 */
export interface MiddlewareResult<Added extends object> {
  /**
   * Output of the call; `undefined` for `notification`, `serverStream` and
   * `duplex`.
   */
  readonly output: unknown;
  /** Members that were added to the context; always absent at run time. */
  readonly added?: Added;
}

/**
 * Function around a handler; see {@linkcode use}.
 *
 * A middleware may refuse the call by throwing, and add members to the context
 * by passing them to `next()`. It returns what `next()` returns. To replace the
 * output, it returns `{ ...result, output }`; to answer without the handler, it
 * returns `{ output }`. It runs after the input has been validated.
 *
 * `next()` may be called once. It resolves when the handler has returned or, for
 * `serverStream` and `duplex`, when the last item has been sent.
 *
 * If a middleware throws before it calls `next()`, the caller's error has
 * `processed: "no"`.
 *
 * @typeParam Added members that the middleware adds to the context; it cannot
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
  Added extends object = Record<never, never>,
  Context extends MiddlewareContext = MiddlewareContext,
> = (
  context: Context,
  next: {
    (): Promise<MiddlewareResult<Record<never, never>>>;
    <Members extends object>(
      added: Members,
    ): Promise<MiddlewareResult<Members>>;
  },
) => MiddlewareResult<Added> | Promise<MiddlewareResult<Added>>;

/** Function that a middleware calls to enter the handler. */
export type Next = Parameters<Middleware>[1];

/**
 * Combines two middlewares; the second runs inside the first.
 *
 * The members that either adds are available to handlers.
 *
 * @typeParam A members that the first middleware adds to the context
 * @typeParam B members that the second middleware adds to the context
 * @typeParam Context context that both middlewares need
 * @param outer the middleware that runs first
 * @param inner the middleware that runs inside `outer`; its context has the
 * members that `outer` adds
 * @returns the combined middleware
 * @throws {TypeError} if either is not a function
 *
 * @example
 * ```ts
 * import { chain, connect, protocol, serve, unary, use } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const audited = chain(
 *   (context, next) => next({ tenant: context.metadata["tenant"] ?? "none" }),
 *   (context, next) => next({ entry: `${context.tenant} calls ${context.method}` }),
 * );
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, string>() } });
 * await using server = await serve(Shop, { port: 0 }).handle({
 *   price: use(audited, (sku, { entry }) => `${entry}: ${sku}`),
 * });
 * await using session = await connect(Shop, server.addr);
 * assertEquals(await session.remote.price("tea"), "none calls price: tea");
 * ```
 *
 * @category Servers
 */
export function chain<
  A extends object,
  B extends object,
  Context extends MiddlewareContext,
>(
  outer: Middleware<A, NoInfer<Context>>,
  inner: Middleware<B, NoInfer<Context> & A>,
): Middleware<A & B, Context>;
/**
 * Combines two middlewares of which either requires a context of its own.
 *
 * @typeParam A members that the first middleware adds to the context
 * @typeParam B members that the second middleware adds to the context
 * @typeParam Outer context that the first middleware needs
 * @typeParam Inner context that the second middleware needs
 * @param outer the middleware that runs first
 * @param inner the middleware that runs inside `outer`; its context has the
 * members that `outer` adds
 * @returns the combined middleware; its context must have the members that either
 * requires, except for the ones that `outer` adds
 * @throws {TypeError} if either is not a function
 */
export function chain<
  A extends object,
  B extends object,
  Outer extends MiddlewareContext,
  Inner extends MiddlewareContext = Outer & A,
>(
  outer: Middleware<A, Outer>,
  inner: Middleware<B, Inner>,
): Middleware<A & B, Outer & Omit<Inner, keyof A>>;
export function chain(
  outer: AnyMiddleware,
  inner: AnyMiddleware,
): AnyMiddleware {
  checkMiddleware(outer, "chain()");
  checkMiddleware(inner, "chain()");
  return (context, next) => {
    async function runInner(first: object): Promise<MiddlewareResult<object>> {
      // The inner middleware also sees the members that the outer one adds.
      const extended = extend(context, first);
      const both = (second: object = {}, more?: unknown) => {
        checkAdded(second, more);
        return next({ ...withInherited(first), ...withInherited(second) });
      };
      return checkResult(await inner(extended, both as Next)); // the added members have no value of their own
    }
    function enterInner(
      first: object = {},
      more?: unknown,
    ): Promise<MiddlewareResult<object>> {
      checkAdded(first, more);
      const result = runInner(first);
      result.catch(() => {}); // the outer middleware might not await it
      return result;
    }
    return outer(context, enterInner as Next); // as above
  };
}

/** Middleware with any required context and any added members. */
// deno-lint-ignore no-explicit-any -- use() has checked the middleware and its handlers against each other
export type AnyMiddleware = Middleware<any, any>;

/**
 * Checks a middleware that JavaScript callers pass.
 *
 * @param where the function that it was passed to
 * @throws {TypeError} if the value is not a function
 */
export function checkMiddleware(value: unknown, where: string): void {
  if (typeof value === "function") return;
  throw new TypeError(
    `Cannot use ${
      describeType(value)
    } as middleware in ${where}: expected a function; combine several with chain()`,
  );
}

/**
 * Checks the arguments of `next()`.
 *
 * @param added the members to add to the context
 * @param more a second argument, which would be ignored
 * @throws {TypeError} if the members are not those of an object
 */
export function checkAdded(added: unknown, more: unknown): void {
  if (more !== undefined) {
    throw new TypeError(
      "Cannot call next() with a second argument: pass one object with all members",
    );
  }
  if (
    typeof added === "object" && added !== null && !(Symbol.iterator in added)
  ) return;
  throw new TypeError(
    `Cannot add ${
      describeType(added)
    } to the context: pass an object with the members to next(), as in next({ user })`,
  );
}

const RESULT: OptionNames<MiddlewareResult<object>> = {
  output: true,
  added: true,
};

/**
 * Returns the result of a middleware if it is one.
 *
 * @throws {TypeError} if the middleware returned anything else
 */
export function checkResult(result: unknown): MiddlewareResult<object> {
  if (typeof result === "object" && result !== null && "output" in result) {
    checkMembers("the result of a middleware", result, RESULT);
    return { output: result.output };
  }
  throw new TypeError(
    `Cannot use ${
      describeType(result)
    } as the result of a middleware: return what next() returns, or { output }`,
  );
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
  const members = withInherited(extra);
  for (const key of Reflect.ownKeys(members)) {
    if (key in context && !Object.hasOwn(context, key)) {
      throw new TypeError(
        `Cannot add "${
          String(key)
        }" to the context: the framework uses this name; use another one`,
      );
    }
  }
  return Object.assign(context, members);
}
