/**
 * Attacks on a server with items, and with results and items that are not read.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  LIMITS,
  MiB,
  PROCESS,
  sessionBudget,
  SHARE,
  UNFINISHED,
  UNSENT,
  WAITING,
} from "./budgets.ts";
import {
  bin,
  EMPTY,
  encode,
  frame,
  K,
  message,
  MORE,
  request,
  u16,
  u64,
} from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { every, flood, ids, itemsOnEach, open, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const session = { victim: "server", state: "open" } as const;

/** The attacks. */
export const itemAttacks: readonly Attack[] = [
  {
    ...session,
    name: "items beyond the credit of their call",
    resource: "credit of a stream",
    kind: "ITEM",
    limits: ["streamWindow"],
    sees: ["GOAWAY flow-control"],
    total: 5,
    budget: PROCESS,
    *script() {
      yield* open(1, M.up);
      yield* flood(() => message(K.ITEM, 1, bin(1000)));
    },
  },
  {
    ...session,
    name: "items beyond the credit of all calls",
    resource: "credit of all streams",
    kind: "ITEM",
    limits: ["itemsWindow"],
    sees: ["GOAWAY flow-control"],
    total: 5,
    budget: callBudget(1024) + LIMITS.itemsWindow,
    *script() {
      yield* open(1024, M.up);
      for (;;) yield* times(1024, (id) => message(K.ITEM, id, bin(7000)));
    },
  },
  {
    ...session,
    name: "items that the handlers do not read",
    resource: "unread items",
    kind: "ITEM",
    budget: callBudget(1024) + LIMITS.itemsWindow,
    async *script(peer) {
      yield* open(1024, M.up);
      yield* itemsOnEach(peer, 1024, bin(20_000));
    },
  },
  {
    ...session,
    name: "unread items while another stream is read",
    resource: "time of unread items",
    kind: "ITEM",
    limits: ["unreadTimeout"],
    sees: ["ERROR overloaded"],
    budget: callBudget(1000) + LIMITS.itemsWindow,
    setup: { limits: { unreadTimeout: 200, maxAssembly: 8 * MiB } },
    async *script(peer) {
      yield request(1, M.read, EMPTY);
      yield* open(1000, M.up, 3);
      yield* itemsOnEach(peer, 1000, bin(20_000), 3);
    },
  },
  {
    ...session,
    name: "streams that raise their windows and stop",
    resource: "raised windows",
    kind: "ITEM",
    limits: ["maxStreamWindow"],
    sees: ["CREDIT"],
    // The pool for raised windows has the size of the window for all items.
    budget: callBudget(200) + 2 * LIMITS.itemsWindow,
    async *script(peer) {
      yield* open(200, M.read);
      for (let round = 0; round < 40; round++) {
        for (let id = 1; id < 400; id += 2) {
          if (peer.stopped || peer.ended) return;
          if (peer.mayItem(id)) {
            yield await peer.credit(message(K.ITEM, id, bin(8000)));
          }
        }
        await pause(1);
      }
    },
  },
  {
    ...session,
    name: "items in fragments of one byte",
    resource: "fragments",
    kind: "ITEM",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      for (const id of ids()) {
        yield request(id, M.read, EMPTY);
        for (let part = 0; part < 1100; part++) {
          if (!peer.mayItem(id)) await peer.saw("ERROR malformed", id);
          yield frame(K.ITEM, id, Uint8Array.of(0), MORE);
        }
        await peer.saw("ERROR malformed", (id + 1) / 2);
      }
    },
  },
  {
    ...session,
    name: "items that stay unfinished",
    resource: "bytes of unfinished messages",
    kind: "ITEM",
    budget: callBudget(1000) + LIMITS.itemsWindow + UNFINISHED,
    async *script(peer) {
      yield* open(1000, M.read);
      for (;;) {
        let sent = false;
        for (let id = 1; id < 2000; id += 2) {
          if (peer.stopped || peer.ended) return;
          if (!peer.mayItem(id)) continue;
          sent = true;
          yield await peer.credit(message(K.ITEM, id, bin(15_000), MORE));
        }
        if (!sent) await pause(5);
      }
    },
  },
  {
    ...session,
    name: "items that cannot be decoded",
    resource: "failed decoding",
    kind: "ITEM",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const damaged = new Uint8Array(1000).fill(0xc1);
      for (const id of ids()) {
        await peer.until(() => peer.inFlight < 256);
        peer.inFlight++;
        yield concat([
          request(id, M.read, EMPTY),
          message(K.ITEM, id, damaged),
        ]);
      }
    },
  },
  {
    ...session,
    name: "items of calls that are over",
    resource: "late frames",
    kind: "ITEM",
    sees: ["RESULT"],
    budget: PROCESS,
    async *script(peer) {
      yield concat([request(1, M.read, EMPTY), frame(K.END, 1)]);
      await peer.saw("RESULT");
      yield* flood(() => message(K.ITEM, 1, bin(1000)));
    },
  },
  {
    ...session,
    name: "ENDs of calls without items",
    resource: "broken calls",
    kind: "END",
    sees: ["ERROR malformed"],
    // A burst of maxCalls, and those in flight at the end.
    atMost: { "ERROR malformed": 2 * 64 },
    perSecond: { "ERROR malformed": 10 },
    budget: UNSENT,
    setup: { limits: { cancelsPerSecond: 10, maxCalls: 64 } },
    async *script(peer) {
      const next = ids();
      for (;;) {
        await peer.until(() => peer.inFlight <= 32);
        if (peer.stopped || peer.ended) return;
        peer.inFlight += 32;
        const calls = Array.from({ length: 32 }, () => {
          const id = next.next().value!; // there is no end of ids
          return concat([request(id, M.hold), frame(K.END, id)]);
        });
        yield concat(calls);
      }
    },
  },
  {
    ...session,
    name: "credit of one byte at a time",
    resource: "updates of credit",
    kind: "CREDIT",
    sees: ["ITEM"],
    hello: { streamWindow: 1024 },
    budget: WAITING,
    *script() {
      yield request(1, M.down);
      let total = 1024;
      yield* flood(() => frame(K.CREDIT, 1, u64(++total)));
    },
  },
  {
    ...session,
    name: "credit above its range",
    resource: "range of credit",
    kind: "CREDIT",
    sees: ["GOAWAY flow-control"],
    total: 5,
    budget: PROCESS,
    *script() {
      yield request(1, M.down);
      yield frame(K.CREDIT, 1, u64(2 ** 50));
    },
  },
  {
    ...session,
    name: "grants on all accounts",
    resource: "updates of credit",
    kind: "WINDOW",
    budget: PROCESS,
    *script() {
      let total = 2 ** 23;
      yield* flood((id) => frame(K.WINDOW, id % 6, u64(++total)));
    },
  },
  {
    ...session,
    name: "a window above its range",
    resource: "range of credit",
    kind: "WINDOW",
    sees: ["GOAWAY flow-control"],
    total: 5,
    budget: PROCESS,
    *script() {
      yield frame(K.WINDOW, 0, u64(2 ** 52));
    },
  },
  {
    ...session,
    name: "a stream with credit that is not read",
    resource: "unsent items",
    kind: "REQUEST",
    reads: false,
    hello: { streamWindow: 2 ** 30, itemsWindow: 2 ** 30 },
    budget: WAITING,
    *script() {
      yield* times(8, (id) => request(id, M.down));
    },
  },
  {
    ...session,
    name: "replies that are not read",
    resource: "unsent replies",
    kind: "REQUEST",
    limits: ["unsentHard"],
    reads: false,
    sees: ["end"],
    budget: UNSENT,
    setup: {
      limits: { // the sockets take some megabytes before these
        unsentSoft: 65_536,
        unsentHard: 262_144,
        maxFrameBody: 16_384,
        maxCalls: 32,
      },
    },
    *script() {
      yield* flood((id) => request(id, 9999), 1, 250_000);
    },
  },
  {
    ...session,
    name: "results that wait for a peer that stopped reading",
    resource: "time without progress",
    kind: "REQUEST",
    limits: ["writeStall"],
    reads: false,
    sees: ["end"],
    budget: WAITING,
    setup: { limits: { writeStall: 300 } },
    async *script(peer) {
      yield* times(12, (id) => request(id, M.big));
      yield* every(peer, 20, () => frame(K.PING, 0, new Uint8Array(8)));
    },
  },
  {
    ...session,
    name: "results that are read a little at a time",
    resource: "rate of reading",
    kind: "REQUEST",
    limits: ["minWriteRate"],
    reads: false,
    sees: ["end"],
    budget: WAITING,
    setup: { limits: { writeStall: 1000, minWriteRate: 2 ** 26 } },
    ms: 3000,
    async *script(peer) {
      yield* times(20, (id) => request(id, M.big));
      // The socket reports progress only for a megabyte or so.
      while (!peer.stopped && !peer.ended && !peer.reads) {
        await pause(5);
        await peer.readSome(32_768);
      }
    },
  },
  {
    ...session,
    name: "large results beyond the limit for new ones",
    resource: "results",
    kind: "REQUEST",
    limits: ["unsentSoft"],
    reads: false,
    budget: WAITING,
    *script() {
      yield* times(12, (id) => request(id, M.bigLater, encode(10)));
    },
  },
  {
    ...session,
    name: "a duplex call of a peer that does not read",
    resource: "items for items",
    kind: "ITEM",
    reads: false,
    hello: { streamWindow: 2 ** 30, itemsWindow: 2 ** 30 },
    budget: callBudget(64) + LIMITS.unsentHard,
    async *script(peer) {
      yield* open(64, M.both);
      yield* itemsOnEach(peer, 64, bin(1000));
    },
  },
  {
    ...session,
    name: "streams that are not read",
    resource: "waiting items",
    kind: "REQUEST",
    reads: false,
    hello: { streamWindow: 1024 },
    budget: WAITING,
    ms: 300,
    *script() {
      yield* times(1024, (id) => request(id, M.down));
    },
  },
  ...[10, 100, 1000].map((ms): Attack => ({
    ...session,
    name: `streams whose handlers wait for ${ms} ms`,
    resource: `items after ${ms} ms`,
    kind: "REQUEST",
    reads: false,
    hello: { methods: SERVER_METHODS, streamWindow: 1024 },
    budget: ms > 64 ? SHARE : WAITING,
    ms: 500 + ms,
    *script() {
      yield* times(1024, (id) => request(id, M.downLater, encode(ms)));
    },
  })),
  {
    ...session,
    name: "requests whose number is missing",
    resource: "order of frames",
    kind: "REQUEST",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(K.REQUEST, 1, u16(0).subarray(1));
    },
  },
];
