/** The protocol between a page with a small client and its server. */
import {
  clientStream,
  duplex,
  notification,
  protocol,
  serverStream,
  unary,
} from "@lengthwise/lengthwise/browser";

export const SmallSite = protocol({
  name: "small_site",
  server: {
    upper: unary<string, string>({ idempotent: true }),
    count: serverStream<number, number>(),
    double: duplex<number, number>(),
    /** Takes the parts of a file; returns its size. */
    upload: clientStream<Uint8Array, number>(),
    /** Number of bytes that uploads have brought so far. */
    uploaded: unary<void, number>(),
    join: clientStream<string, string>(),
    seen: notification<string>(),
    /** Number of notifications that have arrived. */
    seenSoFar: unary<void, number>(),
    /** Calls `title` at the page; returns its result. */
    askPage: unary<void, string>(),
    /** Calls `fail` at the page; returns the code of its error. */
    failAtPage: unary<void, string>(),
    /** Sends a broadcast to all pages; returns the number of pages. */
    announce: unary<string, number>(),
    /** Settles after so many milliseconds. */
    wait: unary<number, string>(),
  },
  client: {
    title: unary<void, string>(),
    fail: unary<void, void>(),
    news: notification<string>(),
  },
});

/** The protocol between a page and its worker. */
export const Relay = protocol({
  name: "relay",
  server: {
    upper: unary<string, string>(),
    count: serverStream<number, number>(),
    /** Calls `title` at the worker, through the server; returns its result. */
    askWorker: unary<void, string>(),
  },
});
