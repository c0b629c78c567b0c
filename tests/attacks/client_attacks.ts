/**
 * Attacks of a hostile server on a client.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  LIMITS,
  MEMORY,
  MESSAGE,
  PROCESS,
  QUEUED,
  UNFINISHED,
} from "./budgets.ts";
import {
  bin,
  EMPTY,
  encode,
  entry,
  frame,
  goaway,
  hello,
  K,
  message,
  MORE,
  notify,
  request,
  u32,
  u64,
} from "./frames.ts";
import { answering, every, flood, open as calls, times } from "./scripts.ts";
import { C, CLIENT_METHODS } from "./target.ts";

const greeting = {
  victim: "client",
  state: "greeting",
  hello: null,
} as const;
const open = { victim: "client", state: "open" } as const;

/** Names of limits in HELLO that are all as small as possible. */
const SMALLEST = {
  maxFrameBody: 16_384,
  maxMessage: 65_536,
  maxCalls: 32,
  streamWindow: 1024,
  connectionWindow: 65_536,
  notifyWindow: 16_384,
  itemsWindow: 65_536,
  maxAssembly: 65_536,
} as const;

/** Milliseconds that handlers wait before they return what is attacked. */
const WAITS = [10, 1000, 6000];

/** Bytes of a large result or item. */
const BIG = 1_000_000;

/** The attacks. */
export const clientAttacks: readonly Attack[] = [
  {
    ...greeting,
    name: "a server that sends nothing",
    resource: "time of a handshake",
    kind: "none",
    sees: ["GOAWAY timeout"],
    total: 5,
    budget: PROCESS,
    setup: { limits: { handshakeTimeout: 100 } },
    *script() {},
  },
  {
    ...greeting,
    name: "limits in HELLO below their minimum",
    resource: "limits of the peer",
    kind: "HELLO",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      yield hello({ role: 1, streamWindow: 0, maxCalls: 0 });
    },
  },
  {
    ...greeting,
    name: "a codec that the client did not list",
    resource: "codecs",
    kind: "HELLO",
    sees: ["GOAWAY codec"],
    budget: PROCESS,
    *script() {
      yield hello({ role: 1, codec: "rot13" });
    },
  },
  {
    ...greeting,
    name: "mismatches of methods that do not exist",
    resource: "list of mismatches",
    kind: "HELLO",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      const content = new Uint8Array(60_000).fill(1);
      yield hello({ role: 1, entries: entry(0x05, content) });
    },
  },
  {
    ...greeting,
    name: "calls before HELLO",
    resource: "order of frames",
    kind: "REQUEST",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      yield* flood((id) => request(id + 1, C.called));
    },
  },
  {
    ...greeting,
    name: "refusals with long texts",
    resource: "texts",
    kind: "GOAWAY",
    budget: PROCESS,
    *script() {
      yield goaway(13, 0, "x".repeat(60_000));
    },
  },
  {
    ...open,
    name: "a server that replies neither to calls nor to PINGs",
    resource: "calls that wait",
    kind: "none",
    limits: ["pendingHeartbeat"],
    sees: ["PING", "end"],
    total: 5,
    budget: PROCESS,
    setup: { use: "calls", limits: { pendingHeartbeat: 200 } },
    *script(peer) {
      peer.pongs = false;
      yield EMPTY;
    },
  },
  {
    ...open,
    name: "items beyond the client's credit",
    resource: "credit of a stream",
    kind: "ITEM",
    sees: ["GOAWAY flow-control"],
    budget: PROCESS,
    setup: { use: "reads" },
    *script() {
      yield* flood(() => message(K.ITEM, 1, bin(1000)));
    },
  },
  {
    ...open,
    name: "endless items for a client that does not read",
    resource: "unread items",
    kind: "ITEM",
    sees: ["REQUEST"],
    budget: PROCESS + LIMITS.itemsWindow,
    setup: { use: "opens" },
    async *script(peer) {
      await peer.saw("REQUEST", 64);
      for (;;) {
        for (let id = 1; id < 128; id += 2) {
          await peer.until(() => peer.mayItem(id));
          if (peer.stopped || peer.ended) return;
          yield await peer.credit(message(K.ITEM, id, bin(20_000)));
        }
      }
    },
  },
  {
    ...open,
    name: "an item that never ends",
    resource: "bytes of unfinished messages",
    kind: "ITEM",
    sees: ["CANCEL"],
    budget: MESSAGE,
    setup: { use: "reads" },
    async *script(peer) {
      await peer.saw("REQUEST");
      for (;;) {
        await peer.until(() => peer.mayItem(1));
        if (peer.stopped || peer.ended) return;
        yield await peer.credit(message(K.ITEM, 1, bin(60_000), MORE));
      }
    },
  },
  {
    ...open,
    name: "a result without end",
    resource: "bytes of a message",
    kind: "RESULT",
    sees: ["CANCEL"],
    budget: PROCESS + UNFINISHED,
    setup: { use: "calls" },
    async *script(peer) {
      yield* answering(peer, function* (id) {
        for (let part = 0; part < 40; part++) {
          yield frame(K.RESULT, id, new Uint8Array(131_072), MORE);
        }
        yield message(K.RESULT, id);
      });
    },
  },
  {
    ...open,
    name: "many unfinished results",
    resource: "bytes of unfinished messages",
    kind: "RESULT",
    sees: ["CANCEL"],
    budget: PROCESS + UNFINISHED,
    setup: { use: "calls" },
    async *script(peer) {
      await peer.saw("REQUEST", 64);
      for (let part = 0; part < 40; part++) {
        for (let id = 1; id < 128; id += 2) {
          yield frame(K.RESULT, id, new Uint8Array(60_000), MORE);
        }
      }
    },
  },
  {
    ...open,
    name: "an error without end",
    resource: "bytes of a message",
    kind: "ERROR",
    sees: ["CANCEL"],
    budget: PROCESS + UNFINISHED,
    setup: { use: "calls" },
    async *script(peer) {
      yield* answering(peer, function* (id) {
        for (let part = 0; part < 40; part++) {
          yield frame(K.ERROR, id, new Uint8Array(131_072), MORE);
        }
        yield frame(K.ERROR, id, new Uint8Array(6));
      });
    },
  },
  {
    ...open,
    name: "results that cannot be decoded",
    resource: "failed decoding",
    kind: "RESULT",
    sees: ["REQUEST"],
    budget: PROCESS,
    setup: { use: "calls" },
    async *script(peer) {
      const damaged = new Uint8Array(1000).fill(0xc1);
      yield* answering(peer, (id) => [message(K.RESULT, id, damaged)]);
    },
  },
  {
    ...open,
    name: "a result for each call, again and again",
    resource: "late frames",
    kind: "RESULT",
    sees: ["REQUEST"],
    budget: PROCESS,
    setup: { use: "calls" },
    async *script(peer) {
      await peer.saw("REQUEST");
      yield* flood(() => message(K.RESULT, 1, bin(1000)));
    },
  },
  {
    ...open,
    name: "results of calls that the client did not make",
    resource: "ids",
    kind: "RESULT",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      yield message(K.RESULT, 9999);
    },
  },
  {
    ...open,
    name: "calls of the client at full rate",
    resource: "running handlers",
    kind: "REQUEST",
    sees: ["ERROR overloaded"],
    atMost: { handlers: 1024 },
    budget: callBudget(1024),
    *script() {
      yield* flood((id) => request(id, C.called), 2);
    },
  },
  {
    ...open,
    name: "notifications of the client at full rate",
    resource: "running handlers",
    kind: "NOTIFY",
    sees: ["WINDOW"],
    atMost: { handlers: 1024 },
    budget: callBudget(1024) + LIMITS.notifyWindow,
    *script() {
      const body = bin(1000);
      yield* flood(() => notify(C.noted, body));
    },
  },
  {
    ...open,
    name: "uploads to the client that it does not read",
    resource: "unread items",
    kind: "REQUEST",
    budget: callBudget(500) + LIMITS.itemsWindow,
    async *script(peer) {
      yield* calls(500, C.taken, 2);
      for (let id = 2; id < 1002; id += 2) {
        if (peer.stopped || peer.ended) return;
        if (!peer.mayItem(id)) continue;
        yield await peer.credit(message(K.ITEM, id, bin(20_000)));
      }
    },
  },
  {
    ...open,
    name: "PINGs of the client at full rate",
    resource: "replies to PINGs",
    kind: "PING",
    sees: ["PONG"],
    budget: PROCESS,
    *script() {
      yield* flood(() => frame(K.PING, 0, new Uint8Array(16)));
    },
  },
  {
    ...open,
    name: "replies to credentials that were not sent",
    resource: "late frames",
    kind: "AUTH",
    budget: PROCESS,
    *script() {
      yield* flood((id) => frame(K.AUTH, id, undefined, 2));
    },
  },
  {
    ...open,
    name: "credentials from the server",
    resource: "order of frames",
    kind: "AUTH",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      yield frame(K.AUTH, 1, encode("x"));
    },
  },
  {
    ...open,
    name: "smallest limits in HELLO, and no answers",
    resource: "queued calls",
    kind: "HELLO",
    limits: ["queueTimeout"],
    sees: ["REQUEST"],
    hello: { role: 1, methods: CLIENT_METHODS, ...SMALLEST },
    // The application also holds the promise of each call.
    budget: PROCESS + 2 * QUEUED,
    setup: {
      use: "floods",
      limits: { queueTimeout: 200, maxQueuedBytes: QUEUED },
    },
    *script() {},
  },
  {
    ...open,
    name: "no credit for notifications",
    resource: "queued notifications",
    kind: "HELLO",
    limits: ["closeTimeout"],
    sees: ["NOTIFY"],
    hello: { role: 1, methods: CLIENT_METHODS, ...SMALLEST },
    budget: PROCESS + 2 * QUEUED,
    setup: {
      use: "notifies",
      limits: { closeTimeout: 100, maxQueuedBytes: QUEUED },
    },
    *script() {},
  },
  {
    ...open,
    name: "credit for all, and nothing is read",
    resource: "unsent items",
    kind: "HELLO",
    reads: false,
    hello: {
      role: 1,
      methods: CLIENT_METHODS,
      streamWindow: 2 ** 30,
      itemsWindow: 2 ** 30,
      connectionWindow: 2 ** 30,
    },
    budget: PROCESS + LIMITS.unsentHard,
    setup: { use: "sends" },
    *script() {},
  },
  {
    ...open,
    name: "credit to the client beyond its range",
    resource: "range of credit",
    kind: "WINDOW",
    sees: ["GOAWAY flow-control"],
    budget: PROCESS,
    *script() {
      yield frame(K.WINDOW, 2, u64(2 ** 52));
    },
  },
  {
    ...open,
    name: "announcements of a drain, and no end",
    resource: "drains",
    kind: "GOAWAY",
    budget: PROCESS,
    setup: { use: "calls" },
    *script() {
      yield* flood(() => goaway(11, 2 ** 48 - 1, "x".repeat(1000)));
    },
  },
  {
    ...open,
    name: "a length of 4 GiB for the client",
    resource: "bytes of a frame",
    kind: "any",
    sees: ["GOAWAY protocol"],
    budget: PROCESS,
    *script() {
      yield concat([u32(2 ** 32 - 1), new Uint8Array(100)]);
    },
  },
  {
    ...open,
    name: "a frame for the client that is never finished",
    resource: "time of a frame",
    kind: "RESULT",
    sees: ["end"],
    budget: PROCESS,
    setup: { use: "calls", limits: { assemblyTimeout: 200 } },
    async *script(peer) {
      await peer.saw("REQUEST");
      const bytes = message(K.RESULT, 1, bin(60_000));
      let at = 0;
      yield* every(peer, 10, () => bytes.subarray(at, ++at));
    },
  },
  ...WAITS.map((ms): Attack => ({
    ...open,
    name: `calls of the client with large results after ${ms} ms`,
    resource: `results after ${ms} ms`,
    kind: "REQUEST",
    ms: 1500 + 2 * ms,
    reads: false,
    budget: MEMORY,
    setup: { sessions: 4 },
    *script() {
      const input = encode([ms, BIG]);
      yield* times(1000, (id) => request(id, C.sized, input), 2);
    },
  })),
  ...WAITS.map((ms): Attack => ({
    ...open,
    name: `streams of the client with large items after ${ms} ms`,
    resource: `sent items after ${ms} ms`,
    kind: "REQUEST",
    ms: 1500 + 2 * ms,
    reads: false,
    hello: { role: 1, methods: CLIENT_METHODS, streamWindow: 1024 },
    budget: MEMORY,
    setup: { sessions: 4 },
    *script() {
      const input = encode([ms, BIG]);
      yield* times(1000, (id) => request(id, C.itemSized, input), 2);
    },
  })),
];
