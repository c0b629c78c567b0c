/**
 * The protocol that the attacked server and client speak.
 *
 * @module
 */
import {
  clientStream,
  duplex,
  notification,
  serverStream,
  unary,
} from "../../lib/messages/protocol/method_builders.ts";
import { protocol } from "../../lib/messages/protocol/protocol.ts";
import type { HandlerCount } from "./handler_count.ts";
import { pause } from "./raw_peer.ts";

/** Milliseconds that a handler waits, and the bytes of its result or items. */
type Sized = readonly [ms: number, bytes: number];

/** Methods of both ends whose inputs determine what their handlers do. */
const sized = {
  sized: unary<Sized, Uint8Array>(),
  /** Its first item is small, and precedes the wait. */
  itemSized: serverStream<Sized, Uint8Array>(),
};

/** The handlers of these methods. */
export function sizedHandlers(handlers: HandlerCount) {
  return {
    async sized([ms, bytes]: Sized): Promise<Uint8Array> {
      await handlers.during(pause(ms));
      return new Uint8Array(bytes).fill(1);
    },
    async *itemSized([ms, bytes]: Sized): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100);
      await handlers.during(pause(ms));
      for (;;) yield new Uint8Array(bytes).fill(1);
    },
  };
}

/** One method for each way in which a handler can treat its caller. */
export const Target = protocol({
  name: "target",
  server: {
    echo: unary<unknown, unknown>(),
    hold: unary<unknown, void>(),
    big: unary<unknown, Uint8Array>(),
    bigLater: unary<number, Uint8Array>(),
    fail: unary<unknown, void>(),
    back: unary<unknown, void>(),
    up: clientStream<unknown, number>(),
    read: clientStream<unknown, number>(),
    down: serverStream<unknown, Uint8Array>(),
    downLater: serverStream<number, Uint8Array>(),
    holdFor: unary<readonly [ms: number, input: unknown], void>(),
    both: duplex<unknown, Uint8Array>(),
    note: notification<unknown>(),
    drain: unary<unknown, void>(),
    subscribe: unary<unknown, void>(),
    keep: unary<unknown, unknown>({ once: true }),
    keepFor: unary<number, void>({ once: true }),
    follow: serverStream<unknown, Uint8Array>(),
    ...sized,
  },
  client: {
    called: unary<unknown, void>(),
    noted: notification<unknown>(),
    taken: clientStream<unknown, number>(),
    ...sized,
  },
});

/** The methods that a hostile client lists, and their shapes on the wire. */
export const SERVER_METHODS = [
  ["echo", 0],
  ["hold", 0],
  ["big", 0],
  ["bigLater", 0],
  ["fail", 0],
  ["back", 0],
  ["up", 3],
  ["read", 3],
  ["down", 2],
  ["both", 4],
  ["downLater", 2],
  ["holdFor", 0],
  ["note", 1],
  ["drain", 0],
  ["subscribe", 0],
  ["keep", 0],
  ["keepFor", 0],
  ["follow", 2],
  ["sized", 0],
  ["itemSized", 2],
] as const;

/** The methods that a hostile server lists, and their shapes on the wire. */
export const CLIENT_METHODS = [
  ["called", 0],
  ["noted", 1],
  ["taken", 3],
  ["sized", 0],
  ["itemSized", 2],
] as const;

/** Numbers of the methods in the list of a hostile client. */
export const M = {
  echo: 0,
  hold: 1,
  big: 2,
  bigLater: 3,
  fail: 4,
  back: 5,
  up: 6,
  read: 7,
  down: 8,
  both: 9,
  downLater: 10,
  holdFor: 11,
  note: 12,
  drain: 13,
  subscribe: 14,
  keep: 15,
  keepFor: 16,
  follow: 17,
  sized: 18,
  itemSized: 19,
} as const;

/** Numbers of the methods in the list of a hostile server. */
export const C = {
  called: 0,
  noted: 1,
  taken: 2,
  sized: 3,
  itemSized: 4,
} as const;
