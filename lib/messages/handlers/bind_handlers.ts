/**
 * Finds the handler of each method, once per client or server.
 *
 * @module
 */
import { isPlainObject } from "../protocol/method_tree.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/** A handler of any method. */
export type AnyHandler = (input: unknown, context: unknown) => unknown;

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
): readonly AnyHandler[] {
  const missing: string[] = [];
  const bound = methods.map(({ name }) => {
    const handler = find(handlers, name.split("."));
    if (handler === undefined) missing.push(name);
    return handler;
  });
  const extra = [...extraFunctions(handlers, namesOf(methods))];
  if (missing.length > 0 || extra.length > 0) {
    throw new TypeError(
      `Cannot serve with these handlers: ${
        [
          missing.length > 0 ? `missing ${missing.join(", ")}` : "",
          extra.length > 0 ? `not in the protocol: ${extra.join(", ")}` : "",
        ].filter((part) => part !== "").join("; ")
      }`,
    );
  }
  return bound.filter((handler) => handler !== undefined);
}

/** Returns the bound function at a path. Names come from the protocol, never from a peer. */
function find(handlers: object, path: string[]): AnyHandler | undefined {
  let group: unknown = handlers;
  for (const key of path.slice(0, -1)) group = member(group, key);
  const handler = member(group, path.at(-1) ?? "");
  return typeof handler === "function" ? handler.bind(group) : undefined;
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

/**
 * Yields the names of functions that match no method.
 *
 * Only plain objects are checked, and only the protocol's groups are searched;
 * other objects may contain anything.
 */
function* extraFunctions(
  group: object,
  names: Names,
  prefix = "",
): Generator<string> {
  const plain = isPlainObject(group);
  for (const key of Object.keys(group)) {
    const name = prefix + key;
    const isGroup = names.groups.has(name);
    if (!plain && !isGroup) continue;
    const value: unknown = Reflect.get(group, key);
    if (typeof value === "function") {
      if (plain && !names.methods.has(name)) yield name;
    } else if (isGroup && typeof value === "object" && value !== null) {
      yield* extraFunctions(value, names, `${name}.`);
    }
  }
}
