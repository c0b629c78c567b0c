/**
 * What `protocol()` takes and gives, as types.
 *
 * @module
 */
import type { RemoteMethods } from "./client_types.ts";
import type { MethodHandlers } from "./handler_types.ts";
import type { MethodDeclaration } from "./method.ts";

/** The side that handles a method: `"server"` listened, `"client"` dialled. */
export type Side = "server" | "client";

/**
 * Methods of one side and, nested, of its groups. Mapped over `T` itself, so
 * that interfaces are accepted as well as type literals. What does not belong
 * there is refused with a sentence for its type.
 */
export type MethodTree<T> = {
  readonly [Name in keyof T]: Name extends "then"
    ? "a method cannot be named 'then': awaiting its group would call it"
    : Name extends `${string}.${string}`
      ? "a method's name has no dots: nest it in a group instead"
    : T[Name] extends MethodDeclaration ? T[Name]
    : T[Name] extends (...args: never) => unknown
      ? "declare a method by calling unary(), notification(), serverStream(), clientStream() or duplex()"
    : T[Name] extends object ? MethodTree<T[Name]>
    : "declare a method with unary(), notification(), serverStream(), clientStream() or duplex()";
};

/** Both sides of a protocol; mapped over `T` itself, as {@linkcode MethodTree}. */
export type Sides<T> = {
  readonly [Name in keyof T]: Name extends Side ? MethodTree<T[Name]>
    : Name extends "name" ? string
    : "a protocol has a name, a server side and a client side";
};

/** The methods of one side of what was declared; none where it was left out. */
export type MethodsOf<Declared, S extends Side> = Declared extends
  { readonly [Name in S]: infer Methods extends object } ? Methods : NoMethods;

/** A side without methods. */
export type NoMethods = Record<never, never>;

/** Both sides of what was declared, without its name. */
export interface SidesOf<Declared> {
  /** What clients may ask of the server. */
  server: MethodsOf<Declared, "server">;
  /** What the server may ask of a client. */
  client: MethodsOf<Declared, "client">;
}

/** A method with the name it has on the wire. */
export interface BoundMethod {
  /** Dotted: groups and name, as `orders.create`. */
  readonly name: string;
  /** The declaration. */
  readonly method: MethodDeclaration;
  /** Schema hash, unsigned 32 bits; 0 where nothing is known but types. */
  readonly hash: number;
}

/** Any protocol, whatever its methods. */
export interface AnyProtocol {
  /** Name of the protocol. */
  readonly name: string;
  /** What clients may ask of the server, as it was declared. */
  readonly server: object;
  /** What the server may ask of a client, as it was declared. */
  readonly client: object;
  /**
   * The methods of each side, sorted by name. A method's index is its number
   * in a handshake.
   */
  readonly methods: {
    /** Handled by the server. */
    readonly server: readonly BoundMethod[];
    /** Handled by the client. */
    readonly client: readonly BoundMethod[];
  };
}

/**
 * What two sides can say to each other; made by `protocol()`.
 *
 * @typeParam S its two sides: `{ server: { … }, client: { … } }`, either of
 * which may be left out
 */
export interface Protocol<S> extends AnyProtocol {
  /** What clients may ask of the server. */
  readonly server: MethodsOf<S, "server">;
  /** What the server may ask of a client. */
  readonly client: MethodsOf<S, "client">;
}

/**
 * The handlers that a side must bring: one for each of its methods, groups as
 * nested objects. A missing one and one too many are both compile errors.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam S the side that handles
 * @typeParam Context what every handler is given
 */
export type Handlers<
  P extends AnyProtocol,
  S extends Side,
  Context = unknown,
> = MethodHandlers<P[S], Context>;

/**
 * What can be asked of a side: each of its methods as a function, groups as
 * nested objects.
 *
 * @typeParam P the protocol: `typeof Shop`
 * @typeParam S the side that is asked
 */
export type Remote<P extends AnyProtocol, S extends Side> = RemoteMethods<P[S]>;

/** The sides of several protocols, joined. */
export interface MergedSides<P extends AnyProtocol> {
  /** What clients may ask of the server. */
  server: Joined<P["server"]>;
  /** What the server may ask of a client. */
  client: Joined<P["client"]>;
}

/** All members of a union of objects in one object. */
export type Joined<Union> =
  (Union extends unknown ? (member: Union) => void : never) extends
    (joined: infer All extends object) => void ? All : never;
