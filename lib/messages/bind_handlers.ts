/**
 * Finds the handler of each method, once, when a side begins to serve.
 *
 * @module
 */
import type { BoundMethod } from "./protocol_types.ts";

/** A handler, whatever its method. */
export type AnyHandler = (input: unknown, context: unknown) => unknown;

/**
 * The handlers of a side in the order of its methods. Each is bound to the
 * group it stands in, so that instances of classes can serve.
 *
 * @param methods the side's methods
 * @param handlers nested as the methods are
 * @throws {TypeError} listing every method without a function, and every
 * function without a method
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
  const extra = [...functions(handlers, "", new Set())].filter((name) =>
    !methods.some((method) => method.name === name)
  );
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

/** Own functions only: a class may have helpers beside its handlers. */
function* functions(
  group: object,
  prefix: string,
  seen: Set<object>,
): Generator<string> {
  if (seen.has(group)) return;
  seen.add(group);
  for (const [key, value] of Object.entries(group)) {
    if (typeof value === "function") yield prefix + key;
    else if (typeof value === "object" && value !== null) {
      yield* functions(value, `${prefix}${key}.`, seen);
    }
  }
}
