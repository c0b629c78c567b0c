/**
 * Puts middleware around handlers.
 *
 * @module
 */
import type { MethodHandlers } from "../protocol/handler_types.ts";
import { describeType } from "../../support/describe_type.ts";
import {
  type AnyMiddleware,
  checkMiddleware,
  type Middleware,
  type MiddlewareContext,
} from "./middleware.ts";

/**
 * Puts middleware around a handler, or around a group of handlers.
 *
 * The handlers' context has the members that the middleware adds. The outermost
 * middleware runs first. Use it for all handlers of a server or client, for a
 * group, or for one method, of any shape.
 *
 * An inline middleware needs no types if the handlers are inline as well. If they
 * are elsewhere and name the added members, declare the middleware as a
 * {@linkcode Middleware}.
 *
 * @typeParam Added members that the middleware adds to the context
 * @typeParam Context context that the middleware needs
 * @typeParam Input type of the input
 * @typeParam Result type that the handler returns
 * @param middleware the function to run around each call; combine several with
 * {@linkcode chain}
 * @param handler the handler of one method
 * @returns the handler to pass to `handle()` or `connect()`; it cannot be called
 * @throws {TypeError} if `middleware` is not a function, or `handler` is neither
 * a function nor an object
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, unary, use } from "@lengthwise/lengthwise";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: {
 *     price: unary<string, number>(),
 *     admin: { rename: unary<string, string>() },
 *   },
 * });
 * await using server = await serve(Shop, { port: 0 }, {
 *   authenticate: (token) => ({ name: String(token) }),
 * }).handle({
 *   price: (sku) => sku.length,
 *   admin: use((context, next) => {
 *     const { name } = context.session.auth;
 *     if (name !== "ada") throw context.refuse("Only for ada", { code: "forbidden" });
 *     return next({ admin: name });
 *   }, {
 *     rename: (title, { admin }) => `${admin} renamed it to ${title}`,
 *   }),
 * });
 *
 * await using ada = await connect(Shop, server.addr, { credentials: "ada" });
 * assertEquals(await ada.remote.admin.rename("tea"), "ada renamed it to tea");
 * await using bob = await connect(Shop, server.addr, { credentials: "bob" });
 * await assertRejects(() => bob.remote.admin.rename("tea"), Error, "Only for ada");
 * ```
 *
 * @category Servers
 */
export function use<
  Added extends object,
  Context extends MiddlewareContext,
  Input,
  Result,
>(
  middleware: Middleware<Added, NoInfer<Context>>,
  handler: (input: Input, context: Context & Added) => Result,
): (input: Input, context: Context) => Result;
/**
 * Puts middleware around a group of handlers.
 *
 * @typeParam Added members that the middleware adds to the context
 * @typeParam Context context that the middleware needs
 * @typeParam Methods the methods of the handlers
 * @param middleware the function to run around each call; combine several with
 * {@linkcode chain}
 * @param handlers functions, nested like the methods
 * @returns the handlers to pass to `handle()` or `connect()`; an opaque object
 * @throws {TypeError} if `middleware` is not a function, or `handlers` is neither
 * a function nor an object
 */
export function use<
  Added extends object,
  Context extends MiddlewareContext,
  Methods extends object,
>(
  middleware: Middleware<Added, NoInfer<Context>>,
  handlers: NoInfer<MethodHandlers<Methods, Context & Added>>,
): MethodHandlers<Methods, Context>;
export function use(middleware: AnyMiddleware, handlers: unknown): unknown {
  checkMiddleware(middleware, "use()");
  if (!isHandlers(handlers)) {
    throw new TypeError(
      `Cannot use() middleware around ${
        describeType(handlers)
      }: expected a handler, or an object of handlers`,
    );
  }
  const used = typeof handlers === "function" ? refuseCall.bind(null) : {};
  wrapped.set(used, { middleware, handlers });
  return Object.freeze(used);
}

function refuseCall(): never {
  throw new TypeError(
    "Cannot call a handler that has middleware: pass it to handle() or connect(); in tests, use testPair()",
  );
}

interface Wrapped {
  readonly middleware: AnyMiddleware;
  readonly handlers: object;
}

/** Arguments of `use()`, by its result. */
const wrapped = new WeakMap<object, Wrapped>();

/** Handlers without their middleware. */
export interface Unwrapped {
  /** A handler, a group of handlers, or any other value. */
  readonly handlers: unknown;
  /** The middleware around it, outermost first. */
  readonly middleware: readonly AnyMiddleware[];
}

/** Separates handlers from the middleware that `use()` put around them. */
export function unwrap(value: unknown): Unwrapped {
  const middleware: AnyMiddleware[] = [];
  let handlers = value;
  while (isHandlers(handlers)) {
    const found = wrapped.get(handlers);
    if (found === undefined) break;
    middleware.push(found.middleware);
    ({ handlers } = found);
  }
  return { handlers, middleware };
}

function isHandlers(value: unknown): value is object {
  return typeof value === "function" ||
    typeof value === "object" && value !== null;
}
