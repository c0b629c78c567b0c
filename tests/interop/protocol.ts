/**
 * The protocol that the library and its peers in other languages use in the
 * interoperability tests.
 *
 * @module
 */
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

/** Methods of the server. */
const server = {
  add: unary<number, number>(),
  ask: unary<string, string>(),
  chat: duplex<string, string, Record<never, never>, string>(),
  count: serverStream<{ n: number; size: number }, Uint8Array>(),
  drain: unary<void, string>(),
  echo: unary<unknown, unknown>(),
  fail: unary<string, void, { outOfStock: { left: number } }>(),
  log: notification<string>(),
  look: unary<void, string[]>(),
  meta: unary<
    void,
    { metadata: Record<string, string>; left: number }
  >(),
  progress: unary<void, number>(),
  slow: unary<number, string>(),
  total: clientStream<number, number>(),
  upload: clientStream<
    Uint8Array,
    number,
    Record<never, never>,
    { pause: number }
  >(),
};

/** Methods of the client. */
const client = {
  alert: notification<number>(),
  answer: unary<string, string>(),
  numbers: serverStream<number, number>(),
};

/** Protocol that the library serves. */
export const Interop = protocol({ name: "interop", server, client });

/** Protocol that the library calls, with a method that no peer serves. */
export const WithGhost = protocol({
  name: "interop",
  server: { ...server, ghost: unary() },
  client,
});

/** Protocol with one method of a different shape. */
export const WithOddShape = protocol({
  name: "interop",
  server: { ...server, log: unary<string, void>() },
  client,
});
