import { assert, assertEquals, assertThrows } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { Account } from "../../../../lib/messages/session/flow/credit.ts";
import type { QueuedNotification } from "../../../../lib/messages/session/calls/outgoing_calls.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { accountsOf, heldBy, HOLDS_NOTHING } from "../accounts.ts";
import { Lone, total } from "../lone_session.ts";
import { body, NOTE } from "../session_calls.ts";
import { TABLES } from "../simulation.ts";

const pure = { permissions: "none" } as const;

const SOFT = { unsentSoft: 64 * 1024 };

/** A sender of notifications that records their outcomes. */
class Notes {
  readonly outcomes: string[] = [];
  readonly waiting: QueuedNotification[] = [];

  constructor(readonly lone: Lone) {}

  send(size: number, timeout = Infinity): void {
    const index = this.outcomes.push("accepted") - 1;
    const waiting = this.lone.session.enter(this.lone.now).outgoing.notify({
      method: NOTE,
      info: TABLES.calls[NOTE]!,
      value: body(size),
      hasValue: true,
      timeout,
      fields: NO_FIELDS,
    });
    if (waiting === undefined) return;
    this.outcomes[index] = "waits";
    this.waiting.push(waiting);
    waiting.observer = {
      onAccepted: () => this.outcomes[index] = "accepted",
      onFailed: ({ code, processed }) =>
        this.outcomes[index] = `${code} ${processed}`,
    };
  }
}

/** Opens a client that has no credit for notifications. */
function withoutCredit(limits = {}): Notes {
  const notes = new Notes(
    Lone.open("client", { ...SOFT, ...limits }, { notifyWindow: 16_384 }),
  );
  notes.send(20_000);
  notes.lone.sent();
  return notes;
}

Deno.test(
  "NotificationQueue accepts about unsentSoft bytes; further ones wait for a place",
  pure,
  () => {
    const notes = withoutCredit();
    for (let n = 0; n < 5; n++) notes.send(20_000);
    assertEquals(notes.outcomes.slice(1), [
      ...new Array(4).fill("accepted"), // the last one may exceed the limit
      "waits",
    ]);
    const { lone } = notes;
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(40_000));
    assertEquals(lone.sentKinds(), ["NOTIFY 0"]);
    assertEquals(notes.outcomes.slice(1), new Array(5).fill("accepted"));
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(1_000_000));
    assertEquals(lone.sentKinds().length, 4);
  },
);

Deno.test(
  "NotificationQueue accepts in order, also to notifications of several frames",
  pure,
  () => {
    const notes = withoutCredit();
    for (const size of [300_000, 10, 300_000, 10]) notes.send(size);
    assertEquals(notes.outcomes.slice(1), [
      "accepted",
      "waits",
      "waits",
      "waits",
    ]);
    const { lone } = notes;
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(10_000_000));
    for (let n = 0; n < 9; n++) lone.write();
    assertEquals(notes.outcomes.slice(1), new Array(4).fill("accepted"));
    const ends = lone.sent().filter(({ more }) => !more);
    assertEquals(ends.map(({ body }) => body.length < 100), [
      false,
      true,
      false,
      true,
    ]);
  },
);

Deno.test(
  "NotificationQueue refuses more than maxQueuedBytes, counts and reports that",
  pure,
  () => {
    const notes = withoutCredit({ maxQueuedBytes: 120_000 });
    for (let n = 0; n < 4; n++) notes.send(20_000);
    const error = assertThrows(
      () => notes.send(20_000),
      CallError,
      "maxQueuedBytes",
    );
    assertEquals([error.code, error.processed], ["overloaded", "no"]);
    const { lone } = notes;
    assertEquals([lone.dropped, lone.session.stats.droppedNotifications], [
      1,
      1,
    ]);
  },
);

Deno.test(
  "large notifications leave a quarter of maxQueuedBytes to small messages",
  pure,
  () => {
    const notes = withoutCredit({ maxQueuedBytes: 100_000 });
    for (let n = 0; n < 3; n++) notes.send(20_000);
    assertThrows(() => notes.send(20_000), CallError, "maxQueuedBytes");
    for (let n = 0; n < 20; n++) notes.send(10);
    assertEquals(notes.lone.dropped, 1);
  },
);

Deno.test(
  "a deadline ends the wait for a place; an accepted notification is sent",
  pure,
  () => {
    const notes = withoutCredit();
    notes.send(70_000, 100);
    notes.send(10, 100);
    notes.send(10, 200);
    const { lone } = notes;
    lone.advance(150);
    assertEquals(notes.outcomes.slice(1), ["accepted", "deadline no", "waits"]);
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(1_000_000));
    lone.write();
    assertEquals(accountsOf(lone.session).timers, 0);
    assertEquals(notes.outcomes.at(-1), "accepted");
    assertEquals(lone.session.outgoing.notifications.length, 0);
    assertEquals(lone.dropped, 0); // its promise rejects
  },
);

Deno.test(
  "giveUpNotification() drops a notification that waits, and only that",
  pure,
  () => {
    const notes = withoutCredit();
    for (const size of [70_000, 10, 20]) notes.send(size);
    const { lone, waiting } = notes;
    const reason = { code: "cancelled", message: "no" } as const;
    const { outgoing } = lone.session.enter(0);
    outgoing.giveUpNotification(waiting[0]!, reason);
    assertEquals(notes.outcomes.slice(1), [
      "accepted",
      "cancelled no",
      "waits",
    ]);
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(1_000_000));
    lone.write();
    outgoing.giveUpNotification(waiting[1]!, reason); // too late
    assertEquals(notes.outcomes.at(-1), "accepted");
    assertEquals(lone.sent().at(-1)?.body.length, 24);
  },
);

Deno.test(
  "10,000 small calls and 40 of 100 KB fit into the queue of calls",
  pure,
  () => {
    for (const [count, size] of [[10_000, 500], [40, 100_000]] as const) {
      const lone = Lone.open("client", {}, {
        maxCalls: 32,
        connectionWindow: 65_536,
      });
      const calls = Array.from(
        { length: count },
        () => lone.call({ value: body(size) }),
      );
      assert(calls.every(({ errors }) => errors.length === 0));
      assert(lone.session.outgoing.queue.length > 0);
    }
  },
);

Deno.test(
  "a call that cannot be sent in time names what is lacking",
  pure,
  () => {
    const cases = [
      [{ maxCalls: 32 }, 0, "maxCalls"],
      [{ connectionWindow: 65_536 }, 0, "connectionWindow"],
      [{}, 2_000_000, "unsentSoft"],
    ] as const;
    for (const [peer, unsent, name] of cases) {
      const limits = { writeStall: 60_000, pendingHeartbeat: 60_000 };
      const lone = Lone.open("client", limits, peer);
      if (unsent > 0) lone.sink.leaveUnsent(unsent);
      else if (name === "connectionWindow") lone.call({ value: body(70_000) });
      else for (let n = 0; n < 32; n++) lone.call();
      const waits = lone.call();
      const timed = lone.call({ timeout: 5000 });
      lone.advance(10_010);
      const { code, message, processed, retry } = waits.error;
      assertEquals([code, processed, retry], ["overloaded", "no", "later"]);
      assert(message.includes("queueTimeout"), message);
      assert(message.includes(name), message);
      assertEquals(timed.error.code, "deadline");
      assertEquals(lone.session.outgoing.queue.length, 0);
    }
  },
);

Deno.test("notifications that are sent or dropped leave nothing", pure, () => {
  const notes = withoutCredit();
  const { lone } = notes;
  for (const size of [64_000, 2_000, 10, 10]) notes.send(size, 1000);
  assertEquals(notes.outcomes.slice(1), [
    "accepted",
    "accepted", // the first one left 1,472 bytes
    "waits",
    "waits",
  ]);
  assertEquals([
    lone.session.outgoing.queued,
    lone.session.shared.timerWheel.size,
  ], [4, 2]);
  const { outgoing } = lone.session.enter(lone.now);
  outgoing.giveUpNotification(notes.waiting[0]!, {
    code: "cancelled",
    message: "given up",
  });
  assertEquals(lone.session.shared.timerWheel.size, 1);
  outgoing.dropNotifications(0, new CallError("over", { code: "unavailable" }));
  assertEquals(notes.outcomes.slice(3), ["cancelled no", "unavailable no"]);
  assertEquals([outgoing.queued, outgoing.queuedBytes], [0, 0]);
  assertEquals([lone.session.shared.timerWheel.size, lone.dropped], [0, 3]);
  // The queue accepts as much as before.
  for (const size of [64_000, 2_000, 10]) notes.send(size);
  assertEquals(notes.outcomes.slice(5), ["accepted", "accepted", "waits"]);
  lone.session.enter(lone.now).close();
  lone.advance(2000);
  assertEquals(heldBy(lone.session), HOLDS_NOTHING);
});

Deno.test(
  "notifyEncoded() sends, charges and queues as notify() does",
  pure,
  () => {
    const states = [false, true].map((encoded) => {
      const lone = Lone.open("client", SOFT, { notifyWindow: 16_384 });
      const { outgoing, shared } = lone.session.enter(0);
      const info = TABLES.calls[NOTE]!;
      const state: unknown[] = [];
      for (const size of [100, 16_300, 50]) {
        if (encoded) outgoing.notifyEncoded(NOTE, info, body(size));
        else {
          outgoing.notify({
            ...{ method: NOTE, info, value: body(size), hasValue: true },
            ...{ timeout: Infinity, fields: NO_FIELDS },
          });
        }
        state.push(shared.notifyCredit.available, outgoing.queuedBytes);
        state.push(lone.sent());
        state.push(shared.writer.notifications.count, outgoing.mayNotify);
      }
      return state;
    });
    assertEquals(states[1], states[0]);
    assertEquals(states[1]![5]! as number <= 0, true, "the credit is used up");
  },
);
