/**
 * Types of protocols, and of the declarations that `protocol()` takes.
 *
 * @module
 */
import type { RemoteMethods } from "./client_types.ts";
import type { MethodHandlers } from "./handler_types.ts";
import type { MethodDeclaration } from "./method.ts";
import type { Shape } from "../session/wire/shape.ts";

/**
 * Side of a protocol: the end of a connection that handles a method.
 *
 * @category Declarations
 */
export type Side = "server" | "client";

/**
 * Methods of one side; groups are nested objects.
 *
 * The type maps over `T` itself, so that it accepts interfaces as well as type
 * literals. The type of an invalid member is a string that explains the error.
 *
 * @typeParam T the declared methods
 *
 * @category Declarations
 */
export type MethodTree<T> = {
  readonly [Name in keyof T]: Name extends "then"
    ? "a method cannot be named 'then': awaiting its group would call it"
    : Name extends `${string}.${string}`
      ? "a method name cannot contain dots: nest the method in a group instead"
    : T[Name] extends MethodDeclaration ? T[Name]
    : T[Name] extends (...args: never) => unknown
      ? "declare a method by calling unary(), notification(), serverStream(), clientStream() or duplex()"
    : T[Name] extends object ? MethodTree<T[Name]>
    : "declare a method with unary(), notification(), serverStream(), clientStream() or duplex()";
};

/**
 * Both sides of a protocol.
 *
 * The type maps over `T` itself, as {@linkcode MethodTree} does.
 *
 * @typeParam T the declaration
 *
 * @category Declarations
 */
export type Sides<T> = {
  readonly [Name in keyof T]: Name extends Side ? MethodTree<T[Name]>
    : Name extends "name" ? string
    : "a protocol has a name, a server side and a client side";
};

/**
 * Declared methods of one side; none if the side was omitted.
 *
 * @typeParam Declared the declaration
 * @typeParam S the side that handles the methods
 *
 * @category Declarations
 */
export type MethodsOf<Declared, S extends Side> = Declared extends
  { readonly [Name in S]: infer Methods extends object } ? Methods
  : Record<never, never>;

/**
 * Both sides of a declaration, without its name.
 *
 * @typeParam Declared the declaration
 *
 * @category Declarations
 */
export interface SidesOf<Declared> {
  /** Methods that the server handles. */
  server: MethodsOf<Declared, "server">;
  /** Methods that the client handles. */
  client: MethodsOf<Declared, "client">;
}

/**
 * A method with its name on the wire.
 *
 * @category Declarations
 */
export interface BoundMethod {
  /** Dotted name, groups included: `orders.create`. */
  readonly name: string;
  /** Declaration of the method. */
  readonly method: MethodDeclaration;
  /** Shape of the method. */
  readonly shape: Shape;
  /** Hash of the schemas, unsigned 32 bits; 0 if only types are known. */
  readonly hash: number;
}

/**
 * A protocol with any methods.
 *
 * @category Declarations
 */
export interface AnyProtocol {
  /** Name of the protocol. */
  readonly name: string;
  /** Methods that the server handles, in their groups. */
  readonly server: object;
  /** Methods that the client handles, in their groups. */
  readonly client: object;
  /**
   * Methods of each side, sorted by dotted name.
   *
   * The index of a method is its number in the handshake.
   */
  readonly methods: {
    /** Methods that the server handles. */
    readonly server: readonly BoundMethod[];
    /** Methods that the client handles. */
    readonly client: readonly BoundMethod[];
  };
}

/**
 * A protocol that server and client share; created by `protocol()`.
 *
 * @typeParam S its two sides: `{ server: { … }, client: { … } }`, either of
 * which may be omitted
 *
 * @category Protocols
 */
export interface Protocol<S> extends AnyProtocol {
  /** Methods that the server handles, in their groups. */
  readonly server: MethodsOf<S, "server">;
  /** Methods that the client handles, in their groups. */
  readonly client: MethodsOf<S, "client">;
}

/**
 * Handlers that a side must provide; groups are nested objects.
 *
 * The compiler rejects a missing handler, and an extra one in an object literal;
 * `handle()` and `connect()` reject both.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam S the side that handles the methods
 * @typeParam Context the context members that all methods share, such as
 * `ServerContext<typeof Shop>` or `ClientContext<typeof Shop>`; by default,
 * handlers see only the members of their own method
 *
 * @example
 * ```ts
 * import { type Handlers, protocol, type ServerContext, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { orders: { cancel: unary<string>() } } });
 * const cancelled: string[] = [];
 * const handlers: Handlers<typeof Shop, "server", ServerContext<typeof Shop>> = {
 *   orders: {
 *     cancel(id, { method }) {
 *       cancelled.push(`${method} ${id}`);
 *     },
 *   },
 * };
 * assertEquals(Object.keys(handlers.orders), ["cancel"]);
 * ```
 *
 * @category Protocols
 */
export type Handlers<
  P extends AnyProtocol,
  S extends Side,
  Context = unknown,
> = MethodHandlers<P[S], Context>;

/**
 * Functions that call the methods of a side; groups are nested objects.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam S the side that handles the methods
 *
 * @example
 * ```ts
 * import { protocol, type Remote, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { price: unary<string, number>() } });
 *
 * async function total(remote: Remote<typeof Shop, "server">, skus: string[]) {
 *   const prices = await Promise.all(skus.map((sku) => remote.price(sku)));
 *   return prices.reduce((sum, price) => sum + price, 0);
 * }
 *
 * // Pass `session.remote` in a program; a test can pass an object of functions.
 * assertEquals(await total({ price: (sku) => Promise.resolve(sku.length) }, ["tea", "milk"]), 7);
 * ```
 *
 * @category Protocols
 */
export type Remote<P extends AnyProtocol, S extends Side> = RemoteMethods<P[S]>;

/**
 * Merged sides of several protocols.
 *
 * @typeParam P the union of the protocols
 *
 * @category Declarations
 */
export interface MergedSides<P extends AnyProtocol> {
  /** Methods that the server handles. */
  server: Intersection<P["server"]>;
  /** Methods that the client handles. */
  client: Intersection<P["client"]>;
}

/**
 * Intersection of the members of a union.
 *
 * @typeParam Union union of the types
 *
 * @category Declarations
 */
export type Intersection<Union> =
  (Union extends unknown ? (member: Union) => void : never) extends
    (joined: infer All extends object) => void ? All : never;
