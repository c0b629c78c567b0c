/**
 * Combines declared methods into a protocol that both ends share.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
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

/**
 * Options for {@linkcode protocol}.
 *
 * @category Declarations
 */
export interface ProtocolOptions {
  /**
   * Maximum number of methods on both sides together, from 1 to 65,535.
   *
   * A peer rejects a HELLO that lists more methods than the peer's own
   * `limits.maxMethods` permits.
   *
   * @default {1024}
   */
  readonly maxMethods?: number | undefined;
}

const OPTIONS: OptionNames<ProtocolOptions> = { maxMethods: true };

const DEFAULT_MAX_METHODS = 1024;
const HIGHEST_MAX_METHODS = 65_535;

/**
 * Declares a protocol that server and client share.
 *
 * `server` holds the methods that the server handles, and `client` holds the
 * methods that the client handles; either may be omitted. Groups nest as objects:
 * `orders: { create: unary<…>() }` declares the method `orders.create`.
 *
 * Names consist of ASCII letters, digits, `_`, `$` and `-`. A method's dotted
 * name, groups included, has at most 128 bytes. `then` and `__proto__` are
 * reserved.
 *
 * Types are inferred from the declaration. A module published to JSR must
 * state its types; the compiler then checks the declaration against them:
 * `export const Shop: Protocol<ShopSides> = protocol<ShopSides>({ …, price: unary() })`.
 *
 * @typeParam S the methods of each side
 * @param declaration the name of the protocol, and the methods of each side
 * @param options limits of the declaration
 * @returns the frozen protocol
 * @throws {TypeError} if a name is invalid, a value is neither a method nor a
 * group, or the declaration has a member other than `name`, `server` and
 * `client`
 * @throws {RangeError} if there are more methods than `maxMethods`, or
 * `maxMethods` is not an integer from 1 to 65,535
 *
 * @example
 * ```ts
 * import { notification, protocol, unary } from "@lengthwise/lengthwise";
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
 * @example Server and client
 * ```ts
 * import { connect, protocol, serve, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({
 *   name: "shop",
 *   server: { price: unary<{ sku: string }, { cents: number }>() },
 * });
 * await using server = await serve(Shop, { port: 0 }).handle({
 *   price: ({ sku }) => ({ cents: sku.length * 100 }),
 * });
 *
 * await using session = await connect(Shop, server.addr);
 * assertEquals(await session.remote.price({ sku: "tea" }), { cents: 300 });
 * ```
 *
 * @example Explicit types
 * ```ts
 * import { type Protocol, protocol, type Unary, unary } from "@lengthwise/lengthwise";
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
 *
 * @category Protocols
 */
export function protocol<S extends Sides<S>>(
  declaration: S & { readonly name: string },
  options: ProtocolOptions = {},
): Protocol<SidesOf<S>> {
  checkOptions("protocol()", options, OPTIONS);
  const { maxMethods = DEFAULT_MAX_METHODS } = options;
  checkMaxMethods(maxMethods);
  const { name, server = {}, client = {} } = checkDeclaration(declaration);
  const built = build(name, flatten(server), flatten(client), maxMethods);
  return built as Protocol<SidesOf<S>>; // built from `declaration`, name by name
}

/**
 * Merges protocols into one that has all their methods.
 *
 * Groups with the same name are merged. The name of the result consists of the
 * names of the protocols, joined with `+`.
 *
 * @typeParam Protocols the types of the protocols
 * @param protocols the protocols to merge
 * @returns the frozen protocol
 * @throws {TypeError} if two protocols declare the same method on the same
 * side, a name is both a method and a group, or the joined name is longer than
 * 128 bytes
 * @throws {RangeError} if there are more than 65,535 methods in total
 *
 * @example
 * ```ts
 * import { mergeProtocols, protocol, unary } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = protocol({ name: "shop", server: { orders: { create: unary<string>() } } });
 * const Admin = protocol({ name: "admin", server: { orders: { purge: unary() } } });
 * const Both = mergeProtocols(Shop, Admin);
 * assertEquals(Both.methods.server.map(({ name }) => name), ["orders.create", "orders.purge"]);
 * ```
 *
 * @category Protocols
 */
export function mergeProtocols<
  const Protocols extends readonly [AnyProtocol, ...AnyProtocol[]],
>(...protocols: Protocols): Protocol<MergedSides<Protocols[number]>> {
  const name = protocols.map((each) => each.name).join("+");
  if (name.length > MAX_NAME_LENGTH) {
    throw new TypeError(
      `Cannot merge into "${
        name.slice(0, 40)
      }…": the name has ${name.length} bytes, the limit is ${MAX_NAME_LENGTH}; merge fewer protocols or shorten their names`,
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

/**
 * Binds and sorts the methods of one side.
 *
 * Sorting makes a method's number independent of the order of declaration.
 */
function table(side: string, entries: Entry[]): readonly BoundMethod[] {
  const bound = new Map<string, BoundMethod>();
  for (const [name, method] of entries) {
    if (bound.has(name)) {
      throw new TypeError(
        `Cannot declare method "${name}" twice on the ${side} side: rename one of the two or move it into a group`,
      );
    }
    if (method.once && side === "client") {
      throw new TypeError(
        `Cannot declare method "${name}" of the client side with "once": only a server stores outcomes`,
      );
    }
    bound.set(name, bind(name, method));
  }
  return Object.freeze(
    [...bound.values()].sort((a, b) => a.name < b.name ? -1 : 1),
  );
}

/**
 * Binds a method to its name.
 *
 * The hash is computed on first use, since some schema libraries are slow to
 * convert schemas to JSON Schema.
 */
function bind(name: string, method: MethodDeclaration): BoundMethod {
  let hash: number | undefined;
  return Object.freeze({
    name,
    method,
    shape: method.shape,
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
      `Cannot declare a protocol with "${key}": its only members are name, server and client`,
    );
  }
  const { name } = declaration as Declaration; // the compiler checked the type for TypeScript users; JavaScript users need the check below
  if (typeof name !== "string") {
    throw new TypeError(
      `Cannot declare a protocol without a name: name must be a string, not ${name}`,
    );
  }
  checkName(name, name, "a protocol");
  return declaration as Declaration; // walkMethods() checks the two sides
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
