/**
 * A connection with bytes before its own, for switching protocols.
 *
 * @module
 */
import type { ByteStream } from "./byte_stream.ts";

/**
 * Returns a connection whose reads return `rest` first; the connection itself
 * if there is no rest. All other members are those of the connection.
 */
export function withRest<C extends ByteStream>(
  connection: C,
  rest: Uint8Array,
): C {
  if (rest.length === 0) return connection;
  let left = rest;
  const read = (buffer: Uint8Array): Promise<number | null> => {
    if (left.length === 0) return connection.read(buffer);
    const count = Math.min(buffer.length, left.length);
    buffer.set(left.subarray(0, count));
    left = left.subarray(count);
    return Promise.resolve(count);
  };
  const bound = new Map<PropertyKey, unknown>([["read", read]]);
  return new Proxy(connection, {
    get(target, key) {
      const known = bound.get(key);
      if (known !== undefined) return known;
      const value = Reflect.get(target, key, target);
      if (typeof value !== "function") return value;
      const method = value.bind(target);
      bound.set(key, method);
      return method;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}
