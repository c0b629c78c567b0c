/**
 * Attacks on an open, draining or closed session of a server.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  FRAME,
  LIMITS,
  MiB,
  PROCESS,
  sessionBudget,
} from "./budgets.ts";
import {
  bin,
  EMPTY,
  encode,
  frame,
  goaway,
  hello,
  IGNORABLE,
  K,
  message,
  request,
} from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { every, flood, inFlight, open as calls, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const open = { victim: "server", state: "open" } as const;
const draining = { victim: "server", state: "draining" } as const;
const closed = { victim: "server", state: "closed" } as const;

/** The attacks. */
export const sessionAttacks: readonly Attack[] = [
  {
    ...open,
    name: "a session for each of the longest lists of methods",
    resource: "list of methods",
    kind: "HELLO",
    connections: 100,
    // A list is as long as a HELLO; its names are as long again in memory.
    budget: sessionBudget(100, 2 * FRAME),
    hello: {
      methods: Array.from(
        { length: 1024 },
        (_, at) => [`method.number.${at}`, 0] as const,
      ),
    },
    *script() {},
  },
  {
    ...open,
    name: "frames above their limit",
    resource: "bytes of a frame",
    kind: "REQUEST",
    limits: ["maxFrameBody"],
    sees: ["GOAWAY too-large"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, FRAME),
    setup: { limits: { maxFrameBody: 16_384 } },
    *script() {
      yield request(1, M.hold, bin(60_000));
    },
  },
  {
    ...open,
    name: "a second HELLO",
    resource: "order of frames",
    kind: "HELLO",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield hello({ methods: SERVER_METHODS });
    },
  },
  {
    ...open,
    name: "sessions that say nothing",
    resource: "silent sessions",
    kind: "none",
    limits: ["heartbeat", "heartbeatMisses"],
    sees: ["PING", "end"],
    connections: 100,
    total: 200,
    budget: sessionBudget(200),
    setup: { limits: { heartbeat: 200, heartbeatMisses: 4 } },
    *script(peer) {
      peer.pongs = false;
      yield EMPTY;
    },
  },
  {
    ...open,
    name: "PINGs at full rate",
    resource: "replies to PINGs",
    kind: "PING",
    limits: ["pingsPerSecond"],
    sees: ["PONG"],
    budget: PROCESS,
    *script() {
      yield* flood(() => frame(K.PING, 0, new Uint8Array(8)));
    },
  },
  {
    ...open,
    name: "PONGs without PINGs",
    resource: "late frames",
    kind: "PONG",
    budget: PROCESS,
    *script() {
      yield* flood(() => frame(K.PONG, 0, new Uint8Array(16)));
    },
  },
  {
    ...open,
    name: "frames of unknown kinds that may be ignored",
    resource: "ignored frames",
    kind: "unknown",
    budget: PROCESS,
    *script() {
      const body = new Uint8Array(500);
      yield* flood((id) => frame(0x40, id, body, IGNORABLE));
    },
  },
  {
    ...open,
    name: "frames of unknown kinds",
    resource: "order of frames",
    kind: "unknown",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(0x40, 0);
    },
  },
  {
    ...open,
    name: "positions of a feature that is not in use",
    resource: "order of frames",
    kind: "ACK",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(K.ACK, 0, new Uint8Array(8));
    },
  },
  {
    ...open,
    name: "a frame that is never finished",
    resource: "time of a frame",
    kind: "ITEM",
    sees: ["end"],
    connections: 50,
    total: 100,
    budget: sessionBudget(100, FRAME),
    setup: { limits: { assemblyTimeout: 300 } },
    async *script(peer) {
      yield* calls(1, M.up);
      const bytes = message(K.ITEM, 1, bin(60_000));
      let at = 0;
      yield* every(peer, 10, () => bytes.subarray(at, ++at));
    },
  },
  {
    ...open,
    name: "refreshed credentials, without waiting",
    resource: "unanswered credentials",
    kind: "AUTH",
    sees: ["GOAWAY too-many"],
    total: 5,
    hello: { auth: encode("bystander") },
    budget: PROCESS,
    setup: { authentication: 1000 },
    *script() {
      yield* flood((id) => frame(K.AUTH, id, encode("slow")));
    },
  },
  {
    ...open,
    name: "refreshed credentials above their limit",
    resource: "bytes of credentials",
    kind: "AUTH",
    limits: ["maxCredentials"],
    sees: ["GOAWAY too-large"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60, FRAME),
    *script() {
      yield frame(K.AUTH, 1, bin(100_000));
    },
  },
  {
    ...open,
    name: "refreshed credentials, again and again",
    resource: "rate of credentials",
    kind: "AUTH",
    limits: ["refreshesPerSecond"],
    sees: ["AUTH"],
    atMost: { AUTH: 10 }, // a burst of 8
    perSecond: { AUTH: 1 },
    hello: { auth: encode("bystander") },
    budget: PROCESS,
    setup: { authentication: 0 },
    async *script(peer) {
      for (let id = 1;; id++) {
        yield frame(K.AUTH, id, encode("bystander"));
        await peer.saw("AUTH", id);
      }
    },
  },
  {
    ...open,
    name: "announcements of a drain",
    resource: "drains",
    kind: "GOAWAY",
    budget: PROCESS,
    *script() {
      yield* flood(() => goaway(11, 2 ** 48 - 1, "x".repeat(1000)));
    },
  },
  {
    ...open,
    name: "calls that make the server call back, never answered",
    resource: "outgoing calls",
    kind: "REQUEST",
    limits: ["maxQueuedBytes"],
    sees: ["REQUEST", "ERROR internal"],
    hello: {
      methods: SERVER_METHODS,
      maxCalls: 32,
      entries: EMPTY,
    },
    budget: callBudget(1024),
    setup: { limits: { maxQueuedBytes: 64 * 1024 } },
    *script() {
      yield* times(2000, (id) => request(id, M.back));
    },
  },
  {
    ...open,
    name: "results of calls that the server did not make",
    resource: "ids",
    kind: "RESULT",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield message(K.RESULT, 2);
    },
  },
  {
    ...open,
    name: "errors of calls that the server did not make",
    resource: "ids",
    kind: "ERROR",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(K.ERROR, 2, new Uint8Array(6));
    },
  },
  {
    ...open,
    name: "subscriptions of peers that do not read",
    resource: "broadcast messages",
    kind: "REQUEST",
    reads: false,
    connections: 8,
    hello: {
      entries: concat([
        Uint8Array.of(0x7f, 0, 0),
      ]),
    },
    // The queue of a subscriber holds 1 MiB, and the session unsentSoft.
    budget: sessionBudget(8, MiB + LIMITS.unsentSoft),
    *script() {
      yield request(1, M.subscribe);
    },
  },
  {
    ...draining,
    name: "handlers that outlast a drain",
    resource: "running handlers",
    kind: "REQUEST",
    limits: ["drainGrace"],
    sees: ["GOAWAY drain", "ERROR unavailable"],
    budget: callBudget(100),
    setup: { limits: { drainGrace: 300 } },
    *script() {
      yield* times(100, (id) => request(id, M.hold));
      yield request(201, M.drain);
    },
  },
  {
    ...draining,
    name: "requests after a drain was announced",
    resource: "requests of a drain",
    kind: "REQUEST",
    sees: ["GOAWAY drain"],
    budget: PROCESS,
    setup: { limits: { drainGrace: 500 } },
    async *script(peer) {
      peer.pongs = false;
      yield request(1, M.hold);
      yield request(3, M.drain);
      await peer.saw("GOAWAY drain");
      yield* flood((id) => request(id, M.hold), 5);
    },
  },
  {
    ...draining,
    name: "items during a drain",
    resource: "unread items",
    kind: "ITEM",
    sees: ["GOAWAY drain"],
    budget: callBudget(100) + LIMITS.itemsWindow,
    setup: { limits: { drainGrace: 500 } },
    async *script(peer) {
      yield* calls(100, M.up);
      yield request(201, M.drain);
      await peer.saw("GOAWAY drain");
      for (let id = 1; id < 200; id += 2) {
        if (peer.mayItem(id)) {
          yield await peer.credit(message(K.ITEM, id, bin(30_000)));
        }
      }
    },
  },
  {
    ...closed,
    name: "frames after the end of the session",
    resource: "time of closing",
    kind: "REQUEST",
    sees: ["GOAWAY protocol"],
    connections: 8,
    total: 24,
    budget: sessionBudget(24),
    *script() {
      yield frame(K.CANCEL, 9);
      yield* flood((id) => request(id, M.hold, bin(1000)));
    },
  },
  {
    ...closed,
    name: "a session that is over, whose peer stays",
    resource: "time of closing",
    kind: "GOAWAY",
    sees: ["end"],
    connections: 200,
    budget: sessionBudget(200),
    async *script(peer) {
      yield goaway(0, 0);
      while (!peer.stopped) await pause(20);
    },
  },
  {
    ...open,
    name: "sessions that call once and leave",
    resource: "sessions",
    kind: "REQUEST",
    sees: ["RESULT"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    async *script(peer) {
      yield* inFlight(peer, 1, (id) => {
        if (id > 1) peer.close();
        return request(id, M.echo);
      });
    },
  },
];
