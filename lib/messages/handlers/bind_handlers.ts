/**
 * Finds the handler of each method, once, when a side begins to serve.
 *
 * @module
 */
import { isPlainObject } from "../protocol/method_tree.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";

/** A handler, whatever its method. */
export type AnyHandler = (input: unknown, context: unknown) => unknown;

/**
 * The handlers of a side in the order of its methods. Each is bound to the
 * group it stands in, so that instances of classes can serve.
 *
 * @param methods the side's methods
 * @param handlers nested as the methods are
 * @throws {TypeError} listing every method without a function, and every
 * function without a method that stands in a plain object; an instance may have
 * others beside its handlers
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

/** Names come from the protocol, never from a peer. */
function find(handlers: object, path: string[]): AnyHandler | undefined {
  let group: unknown = handlers;
  for (const key of path.slice(0, -1)) group = member(group, key);
  const handler = member(group, path.at(-1) ?? "");
  return typeof handler === "function" ? handler.bind(group) : undefined;
}

function member(group: unknown, key: string): unknown {
  if (typeof group !== "object" || group === null) return undefined;
  // What every object inherits is not a handler; what a class defines may be.
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
 * What in a literal is no handler is a mistake; an instance has its own
 * business. Only groups of the protocol are looked into: beside them handlers
 * may keep whatever they need.
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
