/**
 * Attacks on a server with requests, notifications and cancellation.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import type { Attack } from "./attack.ts";
import {
  callBudget,
  LIMITS,
  MESSAGE,
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
  fields,
  frame,
  K,
  MORE,
  notify,
  request,
  u16,
  u32,
  u64,
} from "./frames.ts";
import { pause } from "./raw_peer.ts";
import { flood, ids, inFlight, inParts, NULL, times } from "./scripts.ts";
import { M, SERVER_METHODS } from "./target.ts";

const open = { victim: "server", state: "open" } as const;

/** The DEADLINE field: milliseconds left. */
function deadline(ms: number): Uint8Array {
  return fields([0x01, u32(ms)]);
}

/** The METADATA field with as many pairs as fit into `length` bytes. */
function metadata(length: number): Uint8Array {
  const pairs = Array.from({ length: Math.floor(length / 9) }, (_, at) => {
    const key = new TextEncoder().encode(at.toString(36).padStart(5, "0"));
    return concat([Uint8Array.of(5), key, u16(1), Uint8Array.of(0x61)]);
  });
  return fields([0x02, concat(pairs)]);
}

/** An array of `count` values that are encoded as `unit`. */
function repeat(unit: Uint8Array, count: number): Uint8Array {
  const units = Array.from({ length: count }, () => unit);
  return concat([Uint8Array.of(0xdd), u32(count), ...units]);
}

/** Maps within maps, each with one key that looks like an index. */
function indexKeys(depth: number): Uint8Array {
  const key = Uint8Array.of(0x81, 0xa3, 0x39, 0x39, 0x39);
  const keys = Array.from({ length: depth }, () => key);
  return concat([...keys, Uint8Array.of(0xc0)]);
}

/** The attacks. */
export const callAttacks: readonly Attack[] = [
  {
    ...open,
    name: "calls that never end",
    resource: "running handlers",
    kind: "REQUEST",
    limits: ["maxCalls"],
    sees: ["ERROR overloaded"],
    atMost: { handlers: 128 },
    budget: callBudget(128),
    setup: { limits: { maxCalls: 128 } },
    *script() {
      yield* times(10_000, (id) => request(id, M.hold));
    },
  },
  {
    ...open,
    name: "requests that do not wait for credit",
    resource: "credit for requests",
    kind: "REQUEST",
    limits: ["connectionWindow"],
    sees: ["GOAWAY flow-control"],
    atMost: { handlers: 1024 },
    budget: callBudget(1024),
    setup: { limits: { connectionWindow: 65_536 } },
    *script() {
      const value = bin(1000);
      yield* flood((id) => request(id, M.hold, value));
    },
  },
  {
    ...open,
    name: "notifications that do not wait for credit",
    resource: "credit for notifications",
    kind: "NOTIFY",
    limits: ["notifyWindow"],
    sees: ["GOAWAY flow-control"],
    atMost: { handlers: 32 },
    budget: PROCESS,
    setup: { limits: { maxCalls: 32, notifyWindow: 16_384 } },
    *script() {
      const body = bin(1000);
      yield* flood(() => notify(M.note, body));
    },
  },
  {
    ...open,
    name: "notifications to slow handlers",
    resource: "running handlers",
    kind: "NOTIFY",
    atMost: { handlers: 32 },
    // A notification of 12 bytes holds five times the 76 bytes of credit that it uses.
    budget: callBudget(32) + 5 * LIMITS.notifyWindow,
    setup: { limits: { maxCalls: 32 } },
    async *script(peer) {
      const body = notify(M.note);
      for (let batch = 0; batch < 240; batch++) {
        for (let at = 0; at < 64; at++) await peer.credit(body);
        yield concat(Array.from({ length: 64 }, () => body));
      }
    },
  },
  {
    ...open,
    name: "a request without end",
    resource: "bytes of a message",
    kind: "REQUEST",
    limits: ["maxMessage"],
    sees: ["ERROR too-large"],
    budget: MESSAGE,
    async *script(peer) {
      for (const id of ids()) {
        const first = concat([u16(M.echo), fields(), new Uint8Array(65_000)]);
        yield await peer.credit(frame(K.REQUEST, id, first, MORE));
        for (let part = 0; part < 40; part++) {
          const bytes = new Uint8Array(131_072);
          yield await peer.credit(frame(K.REQUEST, id, bytes, MORE));
        }
      }
    },
  },
  {
    ...open,
    name: "a notification without end",
    resource: "bytes of a message",
    kind: "NOTIFY",
    budget: MESSAGE,
    async *script(peer) {
      for (;;) {
        const part = new Uint8Array(100_000);
        yield await peer.credit(frame(K.NOTIFY, 0, part, MORE));
      }
    },
  },
  {
    ...open,
    name: "many unfinished requests",
    resource: "bytes of unfinished messages",
    kind: "REQUEST",
    limits: ["maxAssembly"],
    sees: ["ERROR overloaded"],
    budget: UNSENT + UNFINISHED,
    async *script(peer) {
      const first = concat([u16(M.echo), fields(), new Uint8Array(131_000)]);
      for (const id of ids()) {
        yield await peer.credit(frame(K.REQUEST, id, first, MORE));
      }
    },
  },
  {
    ...open,
    name: "unfinished requests of one byte",
    resource: "objects of unfinished messages",
    kind: "REQUEST",
    sees: ["ERROR overloaded"],
    budget: UNSENT + UNFINISHED,
    *script() {
      yield* times(16_000, (id) => frame(K.REQUEST, id, u16(M.echo), MORE));
    },
  },
  {
    ...open,
    name: "a request in fragments of one byte",
    resource: "fragments",
    kind: "REQUEST",
    limits: ["maxFragments"],
    sees: ["ERROR too-large"],
    budget: UNSENT,
    async *script(peer) {
      for (const id of ids()) {
        for (let part = 0; part < 1100; part++) {
          const bytes = part === 0 ? u16(M.echo) : Uint8Array.of(0);
          yield await peer.credit(frame(K.REQUEST, id, bytes, MORE));
        }
      }
    },
  },
  {
    ...open,
    name: "requests that stay unfinished",
    resource: "time of a message",
    kind: "REQUEST",
    limits: ["assemblyTimeout"],
    sees: ["ERROR deadline"],
    budget: UNSENT + UNFINISHED,
    setup: { limits: { assemblyTimeout: 200 } },
    async *script(peer) {
      for (const id of ids()) {
        if (id > 4000) return;
        if (id > 2000) await pause(1);
        yield await peer.credit(frame(K.REQUEST, id, u16(M.echo), MORE));
      }
    },
  },
  {
    ...open,
    name: "requests that arrive a few bytes at a time",
    resource: "rate of a message",
    kind: "REQUEST",
    limits: ["minReadRate"],
    sees: ["ERROR deadline"],
    budget: UNSENT + UNFINISHED,
    setup: { limits: { assemblyTimeout: 300, minReadRate: 16_384 } },
    async *script() {
      const part = new Uint8Array(16_000);
      part.set(u16(M.echo));
      yield* times(200, (id) => frame(K.REQUEST, id, part, MORE));
      for (let round = 0; round < 60; round++) {
        await pause(20);
        const few = Uint8Array.of(0);
        yield* times(200, (id) => frame(K.REQUEST, id, few, MORE));
      }
    },
  },
  {
    ...open,
    name: "metadata above its limit",
    resource: "bytes of metadata",
    kind: "REQUEST",
    limits: ["maxMetadata"],
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const block = metadata(10_000);
      yield* inFlight(peer, 64, (id) => request(id, M.echo, NULL, block));
    },
  },
  {
    ...open,
    name: "deadlines of 1 ms",
    resource: "timers",
    kind: "REQUEST",
    sees: ["ERROR deadline"],
    // A burst of maxCalls, and those in flight at the end.
    atMost: { handlers: 64, "ERROR deadline": 2 * 64 },
    perSecond: { "ERROR deadline": 10 },
    budget: UNSENT,
    setup: { limits: { cancelsPerSecond: 10, maxCalls: 64 } },
    async *script(peer) {
      const block = deadline(1);
      yield* inFlight(peer, 64, (id) => request(id, M.hold, NULL, block));
    },
  },
  {
    ...open,
    name: "calls of unknown methods",
    resource: "refusals",
    kind: "REQUEST",
    sees: ["ERROR unimplemented"],
    budget: UNSENT,
    async *script(peer) {
      yield* inFlight(peer, 1024, (id) => request(id, 9999));
    },
  },
  {
    ...open,
    name: "values that cannot be decoded",
    resource: "failed decoding",
    kind: "REQUEST",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const damaged = new Uint8Array(1000).fill(0xc1);
      yield* inFlight(peer, 256, (id) => request(id, M.echo, damaged));
    },
  },
  {
    ...open,
    name: "values that are too deep",
    resource: "depth of a value",
    kind: "REQUEST",
    limits: ["depth"],
    sees: ["ERROR malformed"],
    budget: MESSAGE,
    async *script(peer) {
      const deep = new Uint8Array(100_000).fill(0x91);
      yield* inFlight(peer, 16, (id) => request(id, M.echo, deep));
    },
  },
  {
    ...open,
    name: "values with too many nodes",
    resource: "nodes of a value",
    kind: "REQUEST",
    limits: ["nodes"],
    sees: ["ERROR malformed"],
    budget: MESSAGE,
    async *script(peer) {
      const count = 1_100_000;
      const value = concat([
        Uint8Array.of(0xdd),
        u32(count),
        new Uint8Array(count),
      ]);
      for (const id of ids()) {
        yield* inParts(peer, id, M.hold, value);
        await peer.saw("ERROR malformed", (id + 1) / 2);
      }
    },
  },
  {
    ...open,
    name: "maps with keys that look like indexes",
    resource: "decoded maps",
    kind: "REQUEST",
    limits: ["maxHeld"],
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = repeat(indexKeys(50), 400);
      yield* inFlight(peer, 8, (id) => request(id, M.hold, value));
    },
  },
  {
    ...open,
    name: "empty byte strings",
    resource: "decoded byte strings",
    kind: "REQUEST",
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = repeat(Uint8Array.of(0xc4, 0), 60_000);
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  {
    ...open,
    name: "maps with new keys",
    resource: "keys of decoded maps",
    kind: "REQUEST",
    limits: ["maxKeys"],
    sees: ["ERROR malformed"],
    budget: UNSENT,
    async *script(peer) {
      const value = encode(
        Array.from({ length: 9000 }, (_, at) => ({ [`key${at}`]: 1 })),
      );
      yield* inFlight(peer, 16, (id) => request(id, M.hold, value));
    },
  },
  {
    ...open,
    name: "values of more bytes than the codec accepts",
    resource: "bytes of a value",
    kind: "REQUEST",
    limits: ["bytes"],
    sees: ["ERROR malformed"],
    budget: PROCESS + 20 * MiB,
    setup: { limits: { maxMessage: 20 * MiB } },
    async *script(peer) {
      for (const id of ids()) {
        yield* inParts(peer, id, M.hold, bin(17 * MiB));
        await peer.saw("ERROR malformed", (id + 1) / 2);
      }
    },
  },
  {
    ...open,
    name: "calls of a handler that throws",
    resource: "reports of incidents",
    kind: "REQUEST",
    sees: ["ERROR internal"],
    budget: UNSENT,
    async *script(peer) {
      yield* inFlight(peer, 1024, (id) => request(id, M.fail));
    },
  },
  {
    ...open,
    name: "calls that are cancelled at once",
    resource: "cancelled calls",
    kind: "CANCEL",
    limits: ["cancelsPerSecond"],
    sees: ["ERROR cancelled"],
    // A burst of maxCalls, and those in flight at the end.
    atMost: { handlers: 64, "ERROR cancelled": 2 * 64 },
    perSecond: { "ERROR cancelled": 10 },
    budget: UNSENT,
    setup: { limits: { cancelsPerSecond: 10, maxCalls: 64 } },
    async *script(peer) {
      for (const id of ids()) {
        await peer.until(() => peer.inFlight < 64);
        peer.inFlight++;
        yield await peer.credit(request(id, M.hold));
        yield frame(K.CANCEL, id, EMPTY);
      }
    },
  },
  {
    ...open,
    name: "streams that continue at an old position",
    resource: "kept items of a source",
    kind: "REQUEST",
    sees: ["ITEM", "ERROR cancelled"],
    hello: { methods: SERVER_METHODS, features: 0x04 },
    // A burst of maxCalls, and those in flight at the end.
    atMost: { "ERROR cancelled": 2 * 64 },
    perSecond: { "ERROR cancelled": 10 },
    budget: UNSENT,
    setup: { limits: { cancelsPerSecond: 10, maxCalls: 64 } },
    async *script(peer) {
      const from = concat([u64(1), u64(750)]); // the oldest that is kept
      const block = fields([0x81, from]);
      for (const id of ids()) {
        await peer.until(() => peer.inFlight < 64);
        peer.inFlight++;
        yield await peer.credit(request(id, M.follow, NULL, block));
        await pause(1); // the server sends as many items as the credit allows
        yield frame(K.CANCEL, id, EMPTY);
      }
    },
  },
  {
    ...open,
    name: "inputs that handlers hold",
    resource: "decoded inputs",
    kind: "REQUEST",
    limits: ["maxInputs"],
    ms: 1500, // 8 handlers of unknown results begin in 64 ms
    budget: callBudget(1024) + LIMITS.maxInputs + LIMITS.connectionWindow,
    async *script(peer) {
      yield* inFlight(peer, 1024, (id) => request(id, M.hold, bin(120_000)));
    },
  },
  {
    ...open,
    name: "requests that wait until handlers settle",
    resource: "waiting requests",
    kind: "REQUEST",
    limits: ["queueTimeout"],
    sees: ["ERROR overloaded"],
    setup: { limits: { maxInputs: 65_536, queueTimeout: 200 } },
    budget: PROCESS + LIMITS.connectionWindow,
    async *script(peer) {
      yield* inFlight(peer, 1024, (id) => request(id, M.hold, bin(70_000)));
    },
  },
  {
    ...open,
    name: "results that are not read",
    resource: "waiting results",
    kind: "REQUEST",
    reads: false,
    budget: WAITING,
    ms: 300,
    *script() {
      yield* times(1024, (id) => request(id, M.big));
    },
  },
  {
    ...open,
    name: "results of handlers that wait",
    resource: "results of handlers that wait",
    kind: "REQUEST",
    reads: false,
    budget: WAITING,
    ms: 500,
    *script() {
      yield* times(1024, (id) => request(id, M.bigLater, encode(10)));
    },
  },
  ...[100, 1000].map((ms): Attack => ({
    ...open,
    name: `results of handlers that wait for ${ms} ms`,
    resource: `results after ${ms} ms`,
    kind: "REQUEST",
    reads: false,
    budget: SHARE,
    ms: 500 + ms,
    *script() {
      yield* times(1024, (id) => request(id, M.bigLater, encode(ms)));
    },
  })),
  ...[10, 100, 1000].map((ms): Attack => ({
    ...open,
    name: `inputs that handlers hold for ${ms} ms`,
    resource: `inputs held for ${ms} ms`,
    kind: "REQUEST",
    budget: callBudget(1024) + LIMITS.maxInputs + LIMITS.connectionWindow,
    ms: 1000 + ms,
    async *script(peer) {
      const value = concat([Uint8Array.of(0x92), encode(ms), bin(120_000)]);
      yield* inFlight(peer, 1024, (id) => request(id, M.holdFor, value));
    },
  })),
  {
    ...open,
    name: "CANCELs of calls that are over",
    resource: "late frames",
    kind: "CANCEL",
    sees: ["RESULT"],
    budget: PROCESS,
    async *script(peer) {
      yield request(1, M.echo);
      await peer.saw("RESULT");
      yield* flood(() => frame(K.CANCEL, 1, EMPTY));
    },
  },
  {
    ...open,
    name: "requests at full rate on ten connections",
    resource: "time of the server",
    kind: "REQUEST",
    limits: ["turnTime"],
    connections: 10,
    budget: sessionBudget(10),
    *script() {
      yield* flood((id) => request(id, M.echo), 1, 3000);
    },
  },
  {
    ...open,
    name: "a CANCEL of a call that does not exist",
    resource: "ids",
    kind: "CANCEL",
    sees: ["GOAWAY protocol"],
    connections: 20,
    total: 60,
    budget: sessionBudget(60),
    *script() {
      yield frame(K.CANCEL, 9, EMPTY);
    },
  },
];
