/**
 * Attacks by one hundred connections together.
 *
 * @module
 */
import type { Attack } from "./attack.ts";
import { MEMORY } from "./budgets.ts";
import { bin, EMPTY, encode, K, message, MORE, request } from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { ids, inFlight, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

/**
 * Milliseconds after which nearly all handlers have been entered, so that the
 * attacks with this wait make fewer calls.
 */
const LONG = 10_000;

/**
 * Milliseconds that handlers wait before they return what is attacked, so that
 * all of them run at once.
 */
const WAITS = [10, 100, 1000, LONG];

/** Bytes of a large result or item. */
const BIG = 1_000_000;

/** One hundred connections that do their worst together. */
export const together = {
  victim: "server",
  state: "open",
  connections: 100,
  budget: MEMORY,
  ms: 6000,
} as const;

/** The attacks. */
export const togetherAttacks: readonly Attack[] = [
  {
    ...together,
    name: "unread items on many connections",
    resource: "unread items of all sessions",
    kind: "ITEM",
    async *script(peer) {
      for (const id of ids()) {
        if (id > 2048 || peer.stopped || peer.ended) return;
        yield request(id, M.up, EMPTY);
        for (const [length, flags] of [[32_600, MORE], [100_000, 0]] as const) {
          if (!peer.mayItem(id)) break;
          yield await peer.credit(message(K.ITEM, id, bin(length), flags));
        }
        if (id % 64 === 1) await pause(1);
      }
    },
  },
  ...WAITS.map((ms): Attack => ({
    ...together,
    name: `results on many connections after ${ms} ms`,
    resource: `results of all sessions after ${ms} ms`,
    kind: "REQUEST",
    ms: 1500 + 2 * ms,
    reads: false,
    *script() {
      const calls = ms === LONG ? 20 : 40;
      yield* times(calls, (id) => request(id, M.bigLater, encode(ms)));
    },
  })),
  ...[10, 1000, LONG].map((ms): Attack => ({
    ...together,
    name: `items on many connections after ${ms} ms`,
    resource: `items of all sessions after ${ms} ms`,
    kind: "REQUEST",
    ms: 1500 + 2 * ms,
    reads: false,
    hello: { methods: SERVER_METHODS, streamWindow: 1024 },
    *script() {
      const calls = ms === LONG ? 10 : 30;
      yield* times(calls, (id) => request(id, M.downLater, encode(ms)));
    },
  })),
  ...[10, 1000].map((ms): Attack => ({
    ...together,
    name: `large results on many connections, after small ones and ${ms} ms`,
    resource: `results of all sessions that grow after ${ms} ms`,
    kind: "REQUEST",
    ms: 2500 + 2 * ms,
    reads: false,
    async *script() {
      yield* times(8, (id) => request(id, M.sized, encode([0, 100])));
      await pause(500); // the results arrive, although nothing is read
      const input = encode([ms, BIG]);
      yield* times(10, (id) => request(id + 16, M.sized, input));
    },
  })),
  ...[10, 1000].map((ms): Attack => ({
    ...together,
    name: `large items on many connections, after small ones and ${ms} ms`,
    resource: `items of all sessions that grow after ${ms} ms`,
    kind: "REQUEST",
    ms: 1500 + 2 * ms,
    reads: false,
    hello: { methods: SERVER_METHODS, streamWindow: 1024 },
    *script() {
      const input = encode([ms, BIG]);
      yield* times(10, (id) => request(id, M.itemSized, input));
    },
  })),
  {
    ...together,
    name: "inputs that handlers hold on many connections",
    resource: "inputs of all sessions",
    kind: "REQUEST",
    async *script(peer) {
      const value = bin(120_000);
      yield* inFlight(peer, 256, (id) => request(id, M.hold, value));
    },
  },
];
