import { assertEquals } from "@std/assert";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  EMPTY_FIELDS,
  metadataField,
} from "../../../../lib/messages/session/wire/fields.ts";
import { Lone, request } from "../lone_session.ts";
import { accountsOf } from "../accounts.ts";
import { ASK, body, NOTE } from "../session_calls.ts";

const pure = { permissions: "none" } as const;

/** Returns a session whose handlers do not settle by themselves. */
function open(): Lone {
  const lone = Lone.open("server", { maxCalls: 32 });
  lone.settlesNotes = false;
  return lone;
}

function notify(lone: Lone, count: number): void {
  for (let n = 0; n < count; n++) {
    lone.receive(Kind.NOTIFY, 0, request(NOTE, body(10, n)));
  }
}

Deno.test(
  "notifications beyond the running handlers wait, in order",
  pure,
  () => {
    const lone = open();
    notify(lone, 40);
    const { notifications } = lone.session.incoming;
    assertEquals([lone.notes.length, notifications.waiting], [32, 8]);
    for (let n = 0; n < 8; n++) notifications.settled();
    assertEquals(lone.notes.map(([first]) => first), [...Array(40).keys()]);
    assertEquals(lone.session.stats.refusedCalls, 0);
  },
);

Deno.test("waiting notifications hold back credit", pure, () => {
  const lone = open();
  notify(lone, 40);
  const { notificationsGranted, notificationsOwed, notificationsWaiting } =
    accountsOf(lone.session);
  assertEquals(notificationsWaiting, 8 * 74);
  assertEquals(notificationsGranted + notificationsOwed, 2 ** 20 - 8 * 74);
  for (let n = 0; n < 40; n++) lone.session.incoming.notifications.settled();
  const after = accountsOf(lone.session);
  assertEquals(after.notificationsWaiting, 0);
  assertEquals(after.notificationsGranted + after.notificationsOwed, 2 ** 20);
});

Deno.test("the metadata of waiting messages is held and withheld", pure, () => {
  const pairs = Array.from({ length: 100 }, (_, n) => [`k${n}`, ""]);
  const field = metadataField(Object.fromEntries(pairs), 8192);
  const heap = 8000; // at least what a hundred pairs hold
  const lone = open();
  notify(lone, 32);
  const before = lone.session.held;
  lone.receive(Kind.NOTIFY, 0, request(NOTE, body(1), field));
  assertEquals(lone.session.held - before > heap, true);
  assertEquals(accountsOf(lone.session).notificationsWaiting > heap, true);

  lone.sink.leaveUnsent(2 ** 20); // no handler is entered
  const withNote = lone.session.held;
  lone.receive(Kind.REQUEST, 1, request(ASK, body(1), field));
  assertEquals(lone.session.held - withNote > heap, true);
  assertEquals(accountsOf(lone.session).requestsWaiting > heap, true);
});

Deno.test(
  "notifications that wait are still handled after an orderly end",
  pure,
  () => {
    const lone = open();
    notify(lone, 40);
    lone.session.enter(lone.now).close();
    for (let n = 0; n < 8; n++) lone.session.incoming.notifications.settled();
    assertEquals(lone.notes.length, 40);
  },
);

Deno.test(
  "a peer that breaks the rules loses the notifications that wait",
  pure,
  () => {
    const lone = open();
    notify(lone, 40);
    lone.receive(0x3f, 0);
    assertEquals(lone.session.incoming.notifications.waiting, 0);
    assertEquals(lone.session.stats.refusedCalls, 8);
  },
);

Deno.test(
  "messages that wait exceed the window by one message at most",
  pure,
  () => {
    const limits = { maxCalls: 32, notifyWindow: 65_536, maxMessage: 65_536 };
    const lone = Lone.open("server", limits);
    lone.settlesNotes = false;
    notify(lone, 32);
    const { notifications } = lone.session.incoming;
    const { stats } = lone.session;
    const receive = (length: number) =>
      notifications.receive(NOTE, new Uint8Array(length), EMPTY_FIELDS);
    receive(65_536); // with a charge of 64 bytes
    receive(65_537 - 64);
    assertEquals([notifications.waiting, stats.refusedCalls], [1, 1]);
    receive(65_536 - 64);
    assertEquals([notifications.waiting, stats.refusedCalls], [2, 1]);
    assertEquals(notifications.withheld, 2 * 65_536 + 64);
    receive(0);
    assertEquals([notifications.waiting, stats.refusedCalls], [2, 2]);
  },
);

Deno.test(
  "handlers that settle at once are entered one after the other",
  pure,
  () => {
    const lone = open();
    notify(lone, 32);
    const { notifications } = lone.session.incoming;
    const bytes = new Uint8Array(1);
    for (let n = 0; n < 20_000; n++) {
      notifications.receive(NOTE, bytes, EMPTY_FIELDS);
    }
    lone.settlesNotes = true;
    notifications.settled(); // the stack does not grow with each handler
    assertEquals([lone.notes.length, notifications.waiting], [20_032, 0]);
  },
);

Deno.test(
  "the end of a session drops the notifications that wait",
  pure,
  () => {
    const field = metadataField({ k: "v" }, 8192);
    const lone = open();
    notify(lone, 33);
    lone.receive(Kind.NOTIFY, 0, request(NOTE, body(1), field));
    const { notifications, reader } = lone.session.incoming;
    assertEquals([notifications.waiting, notifications.withheld > 150], [
      2,
      true,
    ]);
    assertEquals(reader.notifyCredit.unreturned, notifications.withheld);
    notifications.settled(); // one enters
    assertEquals(reader.notifyCredit.unreturned, notifications.withheld);
    notifications.settled();
    assertEquals([notifications.waiting, notifications.held], [0, 0]);
    notify(lone, 2);
    notifications.clear();
    assertEquals([notifications.waiting, notifications.withheld], [0, 0]);
    assertEquals(reader.notifyCredit.unreturned, 0);
    assertEquals(lone.session.stats.refusedCalls, 2);
    notifications.settled();
    assertEquals(lone.notes.length, 34);
  },
);
