/**
 * What the library and its peers in other languages say to each other in the
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

/** What a server serves; `ghost` is served by no other language. */
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

/** What a client serves. */
const client = {
  alert: notification<number>(),
  answer: unary<string, string>(),
  numbers: serverStream<number, number>(),
};

/** Served by the library. */
export const Interop = protocol({ name: "interop", server, client });

/** Called by the library, with a method that no peer serves. */
export const WithGhost = protocol({
  name: "interop",
  server: { ...server, ghost: unary() },
  client,
});

/** The same with a method in another shape than others have it. */
export const WithOddShape = protocol({
  name: "interop",
  server: { ...server, log: unary<string, void>() },
  client,
});
