/**
 * A connection with bytes before its own, for switching protocols.
 *
 * @module
 */
import type { ByteStream } from "./byte_stream.ts";

const NONE = /* @__PURE__ */ new Uint8Array(0);

/** Members that close a connection; nothing can be read after them. */
const CLOSING: ReadonlySet<PropertyKey> = new Set([
  "close",
  Symbol.dispose,
  Symbol.asyncDispose,
]);

/**
 * Returns a connection whose reads return `rest` first; the connection itself
 * if there is no rest. So does `readable`, the incoming stream of a `Deno.Conn`.
 * All other members are those of the connection.
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
  const takeLeft = (): Uint8Array => {
    const taken = left;
    left = NONE;
    return taken;
  };
  const bound = new Map<PropertyKey, unknown>([["read", read]]);
  return new Proxy(connection, {
    get(target, key) {
      const known = bound.get(key);
      if (known !== undefined) return known;
      const value = Reflect.get(target, key, target);
      let own: unknown;
      if (key === "readable" && value instanceof ReadableStream) {
        own = streamAfter(takeLeft, value);
      } else if (typeof value !== "function") return value;
      else if (CLOSING.has(key)) {
        own = (...parameters: unknown[]) => {
          left = NONE;
          return Reflect.apply(value, target, parameters);
        };
      } else own = value.bind(target);
      bound.set(key, own);
      return own;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
}

/** Returns a stream of the rest, and then of another stream. */
function streamAfter(
  takeLeft: () => Uint8Array,
  stream: ReadableStream<Uint8Array>,
): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return new ReadableStream({
    type: "bytes",
    async pull(controller) {
      const first = takeLeft();
      // The stream takes the memory of a chunk, and the caller has the rest.
      if (first.length > 0) return controller.enqueue(new Uint8Array(first));
      reader ??= stream.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        // A byte stream rejects an empty chunk, which any other stream may have.
        if (value.length > 0) return controller.enqueue(new Uint8Array(value));
      }
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel: (reason) => (reader ?? stream).cancel(reason),
  });
}
