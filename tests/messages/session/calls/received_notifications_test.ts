import { assertEquals } from "@std/assert";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { Lone, request } from "../lone_session.ts";
import { accountsOf } from "../accounts.ts";
import { body, NOTE } from "../session_calls.ts";

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
