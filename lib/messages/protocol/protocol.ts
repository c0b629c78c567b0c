/**
 * Puts declared methods together: what two sides can say to each other.
 *
 * @module
 */
import { checkName, MAX_NAME_LENGTH } from "./method_names.ts";
import { buildTree, walkMethods } from "./method_tree.ts";
import { methodHash } from "./protocol_hash.ts";
import type { MethodDeclaration } from "./method.ts";
import type {
  AnyProtocol,
  BoundMethod,
  MergedSides,
  Protocol,
  Sides,
  SidesOf,
} from "./protocol_types.ts";

/** Options of {@linkcode protocol}. */
export interface ProtocolOptions {
  /**
   * Methods of both sides together, 1 to 65,535. A peer may refuse a longer
   * list in its handshake.
   *
   * @default {1024}
   */
  readonly maxMethods?: number;
}

const DEFAULT_MAX_METHODS = 1024;
const HIGHEST_MAX_METHODS = 65_535;

/**
 * Declares a protocol, once, for both sides. Groups nest as objects do:
 * `orders: { create: unary<…>() }` is the method `orders.create`.
 *
 * Types are inferred from the declaration. A module that is published to JSR
 * must state its types; then the declaration is checked against them:
 * `export const Shop: Protocol<ShopSides> = protocol<ShopSides>({ …, price: unary() })`.
 *
 * @param declaration the name, and the methods of each side
 * @param options limits
 * @returns the protocol, frozen
 * @throws {TypeError} for a name that is not allowed (`then`, `__proto__`, with
 * dots, empty, with other than letters and digits of ASCII, `_`, `$`, `-`, or
 * longer than 128 bytes with its groups), a value that is neither a method nor a
 * group, a member other than `name`, `server` and `client`
 * @throws {RangeError} for more methods than `maxMethods`
 *
 * @example
 * ```ts
 * import { notification, protocol, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: {
 *     price: unary<{ sku: string }, { cents: number }>(),
 *     orders: { cancel: unary<{ id: string }>() },
 *   },
 *   client: { alert: notification<string>() },
 * });
 * assertEquals(Shop.methods.server.map(({ name }) => name), ["orders.cancel", "price"]);
 * ```
 *
 * @example With stated types
 * ```ts
 * import { type Protocol, protocol, type Unary, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * interface ShopSides {
 *   server: { price: Unary<{ sku: string }, { cents: number }> };
 *   client: Record<never, never>;
 * }
 * const Shop: Protocol<ShopSides> = protocol<ShopSides>({
 *   name: "shop",
 *   server: { price: unary() },
 *   client: {},
 * });
 * assertEquals(Shop.name, "shop");
 * ```
 */
export function protocol<S extends Sides<S>>(
  declaration: S & { readonly name: string },
  options: ProtocolOptions = {},
): Protocol<SidesOf<S>> {
  const { maxMethods = DEFAULT_MAX_METHODS } = options;
  checkMaxMethods(maxMethods);
  const { name, server = {}, client = {} } = checkDeclaration(declaration);
  const built = build(name, flatten(server), flatten(client), maxMethods);
  return built as Protocol<SidesOf<S>>; // built from `declaration`, name by name
}

/**
 * Puts protocols together into one that has the methods of all. Groups of the
 * same name are joined.
 *
 * @param protocols two or more; the name of the result is theirs, joined with `+`
 * @returns the protocol, frozen
 * @throws {TypeError} if two of them have a method of the same name on the same side
 * @throws {RangeError} for more than 65,535 methods
 *
 * @example
 * ```ts
 * import { mergeProtocols, protocol, unary } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { orders: { create: unary<string>() } } });
 * const Admin = protocol({ name: "admin", server: { orders: { purge: unary() } } });
 * const Both = mergeProtocols(Shop, Admin);
 * assertEquals(Both.methods.server.map(({ name }) => name), ["orders.create", "orders.purge"]);
 * ```
 */
export function mergeProtocols<
  const Protocols extends readonly [AnyProtocol, ...AnyProtocol[]],
>(...protocols: Protocols): Protocol<MergedSides<Protocols[number]>> {
  const name = protocols.map((each) => each.name).join("+");
  if (name.length > MAX_NAME_LENGTH) {
    throw new TypeError(
      `Cannot merge into "${
        name.slice(0, 40)
      }…": the name has ${name.length} bytes, the limit is ${MAX_NAME_LENGTH}; merge fewer, or give shorter names`,
    );
  }
  const merged = build(
    name,
    protocols.flatMap((each) => each.methods.server.map(entry)),
    protocols.flatMap((each) => each.methods.client.map(entry)),
    HIGHEST_MAX_METHODS,
  );
  return merged as Protocol<MergedSides<Protocols[number]>>; // built from `protocols`, name by name
}

type Entry = readonly [name: string, method: MethodDeclaration];

interface Declaration {
  readonly name: string;
  readonly server?: object;
  readonly client?: object;
}

function build(
  name: string,
  server: Entry[],
  client: Entry[],
  maxMethods: number,
): AnyProtocol {
  const count = server.length + client.length;
  if (count > maxMethods) {
    throw new RangeError(
      `Cannot declare ${count} methods in protocol "${name}": the limit is ${maxMethods} (option maxMethods)`,
    );
  }
  const methods = Object.freeze({
    server: table("server", server),
    client: table("client", client),
  });
  return Object.freeze({
    name,
    server: buildTree(methods.server, ({ method }) => method),
    client: buildTree(methods.client, ({ method }) => method),
    methods,
  });
}

/** Sorted, so that the same methods get the same numbers wherever they are declared. */
function table(side: string, entries: Entry[]): readonly BoundMethod[] {
  const bound = new Map<string, BoundMethod>();
  for (const [name, method] of entries) {
    if (bound.has(name)) {
      throw new TypeError(
        `Cannot declare method "${name}" twice on the ${side} side: give one of them another name or a group`,
      );
    }
    bound.set(name, bind(name, method));
  }
  return Object.freeze(
    [...bound.values()].sort((a, b) => a.name < b.name ? -1 : 1),
  );
}

/** The hash waits until it is asked for: some libraries take long to describe a schema. */
function bind(name: string, method: MethodDeclaration): BoundMethod {
  let hash: number | undefined;
  return Object.freeze({
    name,
    method,
    get hash(): number {
      return hash ??= methodHash(method);
    },
  });
}

function flatten(side: object): Entry[] {
  const entries: Entry[] = [];
  walkMethods(side, (name, method) => entries.push([name, method]));
  return entries;
}

function entry({ name, method }: BoundMethod): Entry {
  return [name, method];
}

function checkDeclaration(declaration: object): Declaration {
  for (const key of Object.keys(declaration)) {
    if (key === "name" || key === "server" || key === "client") continue;
    throw new TypeError(
      `Cannot declare a protocol with "${key}": it has name, server and client`,
    );
  }
  const { name } = declaration as Declaration; // its type was checked by the caller's compiler, its values are checked here
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot declare a protocol without a name: current value is ${name}`,
    );
  }
  checkName(name, name, "a protocol");
  return declaration as Declaration; // as above; walkMethods() checks the sides
}

function checkMaxMethods(maxMethods: number): void {
  if (
    !Number.isInteger(maxMethods) || maxMethods < 1 ||
    maxMethods > HIGHEST_MAX_METHODS
  ) {
    throw new RangeError(
      `Cannot use ${maxMethods} as maxMethods: it must be an integer from 1 to ${HIGHEST_MAX_METHODS}`,
    );
  }
}
