/** The protocol between the page and its server. */
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise";

export const Site = protocol({
  name: "site",
  server: {
    upper: unary<string, string>({ idempotent: true }),
    count: serverStream<number, number>(),
    size: clientStream<Uint8Array, number>(),
    double: duplex<number, number>(),
    seen: notification<string>(),
    /** Calls `title` at the page; returns its result. */
    askPage: unary<void, string>(),
    /** Calls `fail` at the page; returns the code of its error. */
    failAtPage: unary<void, string>(),
    /** Sends a broadcast to all pages; returns the number of pages. */
    announce: unary<string, number>(),
    /** Number of notifications that have arrived. */
    seenSoFar: unary<void, number>(),
  },
  client: {
    title: unary<void, string>(),
    fail: unary<void, void>(),
    news: notification<string>(),
  },
});
