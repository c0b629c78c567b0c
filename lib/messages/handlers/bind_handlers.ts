/**
 * Finds the handler of each method, once per client or server.
 *
 * @module
 */
import { isPlainObject } from "../protocol/method_tree.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { didYouMean } from "../../support/did_you_mean.ts";
import { type AnyMiddleware, chain } from "./middleware.ts";
import { unwrap } from "./use.ts";

/** A handler of any method. */
export type AnyHandler = (input: unknown, context: unknown) => unknown;

/** A method, its handler and the middleware around it. */
export interface BoundHandler {
  /** The method. */
  readonly bound: BoundMethod;
  /** The handler, bound to its group. */
  readonly handler: AnyHandler;
  /** All middleware around the handler, as one function. */
  readonly middleware: AnyMiddleware | undefined;
}

/**
 * Returns the handlers of a side, in the order of its methods.
 *
 * Each handler is bound to the group that contains it, so that groups may be
 * class instances.
 *
 * @param methods the side's methods
 * @param handlers functions, nested like the methods
 * @throws {TypeError} if a method has no function, or a plain object contains a
 * function that has no method; the message lists all of them. Class instances
 * may have other functions.
 */
export function bindHandlers(
  methods: readonly BoundMethod[],
  handlers: object,
): readonly BoundHandler[] {
  const missing: string[] = [];
  const bound = methods.flatMap((method) => {
    const found = find(handlers, method);
    if (found === undefined) missing.push(method.name);
    return found ?? [];
  });
  const names = namesOf(methods);
  const extra = Array.from(
    extraFunctions(handlers, names),
    (name) => name + didYouMean(name, names.methods),
  );
  if (missing.length > 0 || extra.length > 0) {
    throw new TypeError(
      `Cannot use these handlers: ${
        [
          missing.length > 0 ? `missing ${missing.join(", ")}` : "",
          extra.length > 0 ? `not in the protocol: ${extra.join(", ")}` : "",
        ].filter((part) => part !== "").join("; ")
      }`,
    );
  }
  return bound;
}

/** Returns a method's handler. Its name comes from the protocol, never from a peer. */
function find(handlers: object, bound: BoundMethod): BoundHandler | undefined {
  let group: unknown;
  let { handlers: value, middleware } = unwrap(handlers);
  for (const key of bound.name.split(".")) {
    group = value;
    const inner = unwrap(member(group, key));
    value = inner.handlers;
    middleware = [...middleware, ...inner.middleware];
  }
  if (typeof value !== "function") return undefined;
  const [first, ...rest] = middleware;
  return {
    bound,
    handler: value.bind(group),
    middleware: first &&
      rest.reduce((outer, inner) => chain(outer, inner), first),
  };
}

function member(group: unknown, key: string): unknown {
  if (typeof group !== "object" || group === null) return undefined;
  // Ignore inherited members with a name from Object.prototype, such as
  // `toString`. All other inherited members are found.
  if (!Object.hasOwn(group, key) && key in Object.prototype) return undefined;
  return Reflect.get(group, key);
}

interface Names {
  readonly methods: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

function namesOf(methods: readonly BoundMethod[]): Names {
  const groups = new Set<string>();
  for (const { name } of methods) {
    for (
      let dot = name.indexOf(".");
      dot > 0;
      dot = name.indexOf(".", dot + 1)
    ) {
      groups.add(name.slice(0, dot));
    }
  }
  return { methods: new Set(methods.map(({ name }) => name)), groups };
}

/** Levels of groups that are searched; other data may be nested deeper. */
const MAX_DEPTH = 8;

/**
 * Yields the names of functions that match no method.
 *
 * Only plain objects are checked: class instances may have other functions.
 *
 * @param enclosing the groups that contain this one, which may be circular
 */
function* extraFunctions(
  handlers: unknown,
  names: Names,
  prefix = "",
  enclosing: readonly unknown[] = [],
): Generator<string> {
  const { handlers: group } = unwrap(handlers);
  if (typeof group !== "object" || group === null) return;
  if (enclosing.includes(group) || enclosing.length === MAX_DEPTH) return;
  const plain = isPlainObject(group);
  for (const key of Object.keys(group)) {
    const name = prefix + key;
    if (!plain && !names.groups.has(name)) continue;
    const { handlers: value } = unwrap(Reflect.get(group, key));
    if (typeof value === "function") {
      if (plain && !names.methods.has(name)) yield name;
    } else if (names.groups.has(name) || isPlainObject(value)) {
      yield* extraFunctions(value, names, `${name}.`, [...enclosing, group]);
    }
  }
}
