/**
 * Each session limit at its bound and one beyond it, as documented in README.md
 * ("Limits", "Errors") and PROTOCOL.md (section 16).
 *
 * @module
 */
import { inFlightOf } from "./accounts.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { assert, assertEquals } from "@std/assert";
import { metadataField } from "../../../lib/messages/session/wire/fields.ts";
import { DEFAULT_LIMITS } from "../../../lib/messages/session/wire/limits.ts";
import {
  FRAME_CHARGE,
  getU32,
  Kind,
} from "../../../lib/messages/session/wire/frame_header.ts";
import { type Bound, NOTHING, testBound } from "./bounds.ts";
import { ASK, body, NOTE, UP } from "./session_calls.ts";
import { hello, Lone, message, request } from "./lone_session.ts";
import { TABLES } from "./simulation.ts";

const pure = { permissions: "none" } as const;

const SOFT = {
  unsentSoft: 65_536,
  unsentHard: 425_984, // the minimum
  maxFrameBody: 16_384,
};

/** Sends calls that are accepted one after the other. */
function requests(lone: Lone, count: number): void {
  for (let n = 0; n < count; n++) {
    lone.receive(Kind.REQUEST, 2 * n + 1, request(ASK));
  }
}

/** Starts and cancels calls whose handlers settle at once. */
function cancels(lone: Lone, count: number): void {
  for (let n = 0; n < count && lone.ends.length === 0; n++) {
    const id = 2 * lone.calls.length + 1;
    lone.receive(Kind.REQUEST, id, request(ASK));
    lone.receive(Kind.CANCEL, id, [0]);
    lone.session.enter(lone.now).incoming.responses.respond(
      lone.calls.at(-1)!.call,
      body(1),
      NO_FIELDS,
    ); // has just arrived
  }
}

function ping(lone: Lone, count: number): void {
  for (let n = 0; n < count; n++) lone.receive(Kind.PING, 0, body(8));
}

function releaseInput(lone: Lone, amount: number): void {
  lone.session.enter(lone.now).incoming.releaseInput(amount);
}

/** Returns an item whose frame costs this much credit. */
function item(charge: number): Uint8Array {
  return message(body(charge - FRAME_CHARGE - 2));
}

/** Returns a HELLO of this length. */
function helloOf(length: number): Uint8Array {
  const rest = hello("client", { protocol: "" }).length;
  return hello("client", { protocol: "x".repeat(length - rest) });
}

const BOUNDS: readonly Bound[] = [
  {
    limit: "maxFrameBody",
    what: "bytes of a frame",
    limits: { maxFrameBody: 16_384 },
    most: 16_384,
    use(lone, amount) {
      lone.receive(Kind.REQUEST, 1, request(ASK, body(amount - 4)));
      return lone.calls[0]?.input.length === amount - 4;
    },
    beyond: "closes: too-large",
  },
  {
    limit: "maxMessage",
    what: "bytes of a sent value",
    role: "client",
    peer: { maxMessage: 65_536 },
    most: 65_536,
    use: (lone, amount) => lone.call({ value: body(amount) }).call.sent,
    beyond: "too-large, no, never",
  },
  {
    limit: "maxHello",
    what: "bytes of a handshake",
    limits: { maxHello: 2048 },
    unopened: true,
    most: 2048,
    use(lone, amount) {
      lone.receive(Kind.HELLO, 0, helloOf(amount));
      return lone.opened === 1;
    },
    beyond: "closes: too-large",
  },
  {
    limit: "maxCredentials",
    what: "bytes of credentials",
    limits: { maxCredentials: 300 },
    unopened: true,
    most: 300,
    use(lone, amount) {
      const auth = body(amount);
      lone.receive(Kind.HELLO, 0, hello("client", { auth }));
      return lone.opened === 1;
    },
    beyond: "closes: too-large",
  },
  {
    limit: "refreshesPerSecond",
    what: "refreshes checked at once",
    limits: { refreshesPerSecond: 20 },
    most: 20,
    use(lone, amount) {
      for (let id = 1; id <= amount; id++) {
        lone.receive(Kind.AUTH, id, body(1));
        lone.session.enter(lone.now).credentialRefresh.accept(id);
      }
      return lone.credentialRefresh.length === amount;
    },
    beyond: NOTHING, // it is checked later
  },
  {
    limit: "maxMethods",
    what: "methods in a handshake",
    limits: { maxMethods: 7 },
    unopened: true,
    most: 7,
    use(lone, amount) {
      const more = Array.from({ length: amount }, (_, n) => ({
        ...{ name: `m${n}`, shape: "unary" as const, hash: 0 },
      }));
      const methods = [...TABLES.calls, ...more].slice(0, amount);
      lone.receive(Kind.HELLO, 0, hello("client", { methods }));
      return lone.opened === 1;
    },
    beyond: "closes: protocol",
  },
  {
    limit: "handshakeTimeout",
    what: "ms until HELLO",
    limits: { handshakeTimeout: 700 },
    unopened: true,
    most: 699,
    use(lone, amount) {
      lone.advance(amount);
      lone.receive(Kind.HELLO, 0, hello("client"));
      return lone.opened === 1;
    },
    beyond: "closes: timeout",
  },
  {
    limit: "handshakeTimeout",
    what: "ms until refreshed credentials are accepted",
    limits: { handshakeTimeout: 1000 },
    most: 999,
    use(lone, amount) {
      lone.receive(Kind.AUTH, 1, body(1));
      lone.advance(amount);
      lone.session.enter(lone.now).credentialRefresh.accept(1);
      return lone.sentKinds().includes("AUTH 1");
    },
    beyond: "closes: timeout",
  },
  {
    limit: "maxMetadata",
    what: "bytes of a REQUEST's metadata",
    limits: { maxMetadata: 100 },
    most: 100,
    use(lone, amount) {
      const field = metadataField({ a: "x".repeat(amount - 4) }, amount);
      lone.receive(Kind.REQUEST, 1, request(ASK, [], field));
      return lone.calls.length === 1;
    },
    beyond: "malformed, no, never",
  },
  {
    limit: "maxCalls",
    what: "calls in flight",
    limits: { maxCalls: 32 },
    most: 32,
    use(lone, amount) {
      requests(lone, amount);
      return lone.calls.length === amount;
    },
    beyond: "overloaded, no, later",
  },
  {
    limit: "maxQueuedBytes",
    what: "calls of 5 bytes that wait for a slot",
    role: "client",
    limits: { maxQueuedBytes: 3 * (5 + 1024) },
    peer: { maxCalls: 32 },
    most: 3,
    use(lone, amount) {
      for (let n = 0; n < 32 + amount; n++) lone.call();
      return inFlightOf(lone.session).queued === amount;
    },
    beyond: "overloaded, no, later",
  },
  {
    limit: "queueTimeout",
    what: "ms that a call waits for a slot",
    role: "client",
    limits: { queueTimeout: 1000 },
    peer: { maxCalls: 32 },
    most: 999,
    use(lone, amount) {
      const calls = Array.from({ length: 33 }, () => lone.call());
      lone.advance(amount);
      if (calls[32]!.errors.length > 0) throw calls[32]!.error;
      return true;
    },
    beyond: "overloaded, no, later",
  },
  {
    limit: "streamWindow",
    what: "bytes of items before another item",
    limits: { streamWindow: 1024 },
    most: 1023,
    use(lone, amount) {
      lone.receive(Kind.REQUEST, 1, request(UP));
      lone.receive(Kind.ITEM, 1, item(amount));
      lone.receive(Kind.ITEM, 1, item(5000)); // one frame may overshoot
      return lone.calls[0]?.call.receiveWindow?.length === 2;
    },
    beyond: "closes: flow-control",
  },
  {
    limit: "connectionWindow",
    what: "bytes of requests before another request",
    role: "client",
    peer: { connectionWindow: 65_536 },
    most: 65_535,
    use(lone, amount) {
      lone.call({ value: body(amount - FRAME_CHARGE - 4) });
      return lone.call().call.sent;
    },
    beyond: NOTHING, // it waits for credit
  },
  {
    limit: "cancelsPerSecond",
    what: "cancels in the second after a burst",
    limits: { cancelsPerSecond: 40, maxCalls: 64 },
    most: 40,
    use(lone, amount) {
      cancels(lone, 64);
      lone.advance(1000);
      cancels(lone, amount);
      lone.sent();
      // Beyond the bound, the terminal is held, so that its call keeps its slot.
      return inFlightOf(lone.session).incoming === 0;
    },
    beyond: NOTHING,
  },
  {
    limit: "pingsPerSecond",
    what: "PINGs that are answered at once, in the second after a burst",
    limits: { pingsPerSecond: 5 },
    most: 5,
    use(lone, amount) {
      ping(lone, 5);
      lone.advance(1000);
      ping(lone, amount);
      return lone.sentKinds().length === 5 + amount;
    },
    beyond: NOTHING,
  },
  {
    limit: "unsentSoft",
    what: "unsent bytes before a call",
    role: "client",
    limits: SOFT,
    most: 65_535,
    use(lone, amount) {
      lone.sink.leaveUnsent(amount);
      return lone.call().call.sent;
    },
    beyond: NOTHING, // it waits for room
  },
  {
    limit: "unsentSoft",
    what: "unsent bytes before a result",
    limits: SOFT,
    most: 49_151, // three quarters
    use(lone, amount) {
      requests(lone, 1);
      lone.sink.leaveUnsent(amount);
      lone.session.enter(lone.now).incoming.responses.respond(
        lone.calls[0]!.call,
        body(1),
        NO_FIELDS,
      ); // has just arrived
      return lone.sentKinds().includes("RESULT 1");
    },
    beyond: NOTHING, // it waits for room
  },
  {
    limit: "queueTimeout",
    what: "ms for which a request may wait for its handler",
    limits: { ...SOFT, queueTimeout: 2000 },
    most: 1999,
    use(lone, amount) {
      lone.sink.leaveUnsent(70_000);
      lone.receive(Kind.REQUEST, 1, request(ASK));
      lone.advance(amount);
      lone.sink.take(70_000);
      lone.write();
      return lone.calls.length === 1;
    },
    beyond: "overloaded, no, later",
  },
  {
    limit: "maxInputs",
    what: "heap bytes of running handlers' inputs before a request",
    limits: { maxInputs: 65_536 },
    most: 65_535,
    use(lone, amount) {
      lone.session.enter(lone.now).incoming.holdInput(amount);
      lone.receive(Kind.REQUEST, 1, request(ASK));
      return lone.calls.length === 1;
    },
    beyond: NOTHING,
    relieve: releaseInput,
  },
  {
    limit: "maxInputs",
    what: "heap bytes of running handlers' inputs before a notification",
    limits: { maxInputs: 65_536 },
    most: 65_535,
    use(lone, amount) {
      lone.session.enter(lone.now).incoming.holdInput(amount);
      lone.receive(Kind.NOTIFY, 0, request(NOTE));
      return lone.notes.length === 1;
    },
    beyond: NOTHING,
    relieve: releaseInput,
  },
  {
    limit: "unsentHard",
    what: "unsent bytes after a received frame",
    limits: SOFT,
    most: 425_983,
    use(lone, amount) {
      lone.sink.leaveUnsent(amount);
      lone.receive(Kind.REQUEST, 1, request(ASK));
      return lone.session.incoming.calls.size === 1;
    },
    beyond: "closes: unsent",
  },
  {
    limit: "writeStall",
    what: "ms in which the transport accepts no byte",
    limits: { writeStall: 2000 },
    most: 1999,
    use(lone, amount) {
      lone.sink.leaveUnsent(9);
      lone.advance(amount);
      lone.write();
      return lone.session.state === "open";
    },
    beyond: "closes: unsent",
  },
  {
    limit: "minWriteRate",
    what: "ms in which the transport accepts one byte, again and again",
    limits: { writeStall: 2000, minWriteRate: 1000 },
    most: 1,
    use(lone, amount) {
      lone.sink.leaveUnsent(100_000);
      for (const end = lone.now + 5000; lone.now < end;) {
        lone.advance(amount);
        lone.sink.take(1);
        lone.session.enter(lone.now).written();
      }
      return lone.session.state === "open";
    },
    beyond: "closes: unsent",
  },
  {
    limit: "heartbeat",
    what: "ms of silence",
    limits: { heartbeat: 1000 },
    most: 999,
    use(lone, amount) {
      lone.advance(amount);
      return lone.sentKinds().length === 0;
    },
    beyond: NOTHING, // only a PING, which is not an error
  },
  {
    limit: "pendingHeartbeat",
    what: "ms of silence while a call waits",
    limits: { pendingHeartbeat: 500 },
    most: 499,
    use(lone, amount) {
      lone.call();
      lone.sentKinds();
      lone.advance(amount);
      return lone.sentKinds().length === 0;
    },
    beyond: NOTHING, // as for heartbeat
  },
  {
    limit: "heartbeatMisses",
    what: "ms of silence, three PINGs included",
    limits: { heartbeat: 1000, heartbeatMisses: 3 },
    most: 3999,
    use(lone, amount) {
      lone.advance(amount);
      return lone.sentKinds().length === 3;
    },
    beyond: "closes: timeout",
  },
  {
    limit: "drainGrace",
    what: "ms until the response to a call in flight",
    limits: { drainGrace: 500 },
    most: 499,
    use(lone, amount) {
      requests(lone, 1);
      lone.session.enter(lone.now).drain();
      lone.advance(amount);
      lone.session.enter(lone.now).incoming.responses.respond(
        lone.calls[0]!.call,
        body(1),
        NO_FIELDS,
      ); // arrived before the drain
      return lone.sentKinds().includes("RESULT 1");
    },
    beyond: "closes: none",
  },
];

BOUNDS.forEach(testBound);

Deno.test(
  "takeItem() raises the window of a stream up to maxStreamWindow",
  pure,
  () => {
    const limits = { streamWindow: 1024, maxStreamWindow: 5000 };
    const lone = Lone.open("server", limits);
    lone.receive(Kind.REQUEST, 1, request(UP));
    const [held] = lone.calls;
    assert(held);
    let granted = limits.streamWindow;
    let charged = 0;
    let most = granted;
    for (let n = 0; n < 100; n++) {
      lone.receive(Kind.ITEM, 1, item(500));
      charged += 500;
      takeItem(lone.session.enter(lone.now).shared, held.call);
      for (const { kind, body } of lone.sent()) {
        if (kind === Kind.CREDIT) granted = getU32(body, 4);
      }
      most = Math.max(most, granted - charged);
    }
    assertEquals([most, lone.ends], [limits.maxStreamWindow, []]);
  },
);

Deno.test(
  "DEFAULT_LIMITS has no limit without a test of its bound",
  pure,
  () => {
    const elsewhere = [
      "maxStreamWindow", // above
      "closeTimeout", // control/closing_test.ts
      "turnTime", // connection/turn_time_test.ts
      ...["notifyWindow", "itemsWindow", "unreadTimeout"], // flow/
      ...["maxFragments", "maxAssembly", "assemblyTimeout", "minReadRate"], // fragment_bounds_test.ts
    ];
    const tested = new Set([...BOUNDS.map(({ limit }) => limit), ...elsewhere]);
    assertEquals([...tested].sort(), Object.keys(DEFAULT_LIMITS).sort());
  },
);
