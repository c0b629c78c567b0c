/**
 * Closing a session: what was accepted is sent, and the rest is counted.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { Account } from "../../../../lib/messages/session/flow/credit.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import {
  goawayOf,
  hello,
  Lone,
  message,
  request,
  total,
} from "../lone_session.ts";
import { ASK, body, NOTE, notify } from "../session_calls.ts";
import { Simulation, SMOOTH, TABLES } from "../simulation.ts";

const pure = { permissions: "none" } as const;

/** Sends a notification; returns whether it was accepted. */
function note(lone: Lone, size: number): boolean {
  return lone.session.enter(lone.now).outgoing.notify({
    method: NOTE,
    info: TABLES.calls[NOTE]!,
    value: body(size),
    hasValue: true,
    timeout: Infinity,
    fields: NO_FIELDS,
  }) === undefined;
}

/** Opens a client that has used up its credit for notifications. */
function withoutCredit(): Lone {
  const lone = Lone.open("client", {}, { notifyWindow: 16_384 });
  note(lone, 20_000);
  lone.sent();
  return lone;
}

Deno.test(
  "close() sends accepted notifications of several frames before GOAWAY",
  pure,
  () => {
    for (const size of [300_000, 1_000_000]) {
      const simulation = new Simulation({ conditions: SMOOTH }).open();
      const { client, server } = simulation;
      const arrived: number[] = [];
      server.notified = (_, note) => arrived.push(note.length);
      notify(simulation, client, body(size));
      notify(simulation, client, body(5));
      client.session.enter(simulation.now).close();
      client.touch();
      simulation.settle();
      assertEquals(arrived, [size, 5]);
      assertEquals([client.dropped, client.ends, server.ends], [
        0,
        [undefined],
        [undefined],
      ]);
    }
  },
);

Deno.test(
  "close() waits for credit for accepted notifications, up to closeTimeout",
  pure,
  () => {
    const granted = withoutCredit();
    assertEquals(note(granted, 7), true);
    granted.session.enter(0).close();
    assertEquals(granted.session.state, "closing");
    granted.advance(999);
    granted.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(100_000));
    assertEquals([granted.sentKinds(), granted.ends, granted.dropped], [
      ["NOTIFY 0", "GOAWAY 0"],
      [undefined],
      0,
    ]);

    const late = withoutCredit();
    note(late, 7);
    note(late, 8);
    late.session.enter(0).close();
    late.advance(1000);
    assertEquals([late.sentKinds(), late.ends, late.dropped], [
      ["GOAWAY 0"],
      [undefined],
      2,
    ]);
    assertEquals(late.session.stats.droppedNotifications, 2);
    late.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(100_000));
    assertEquals(late.sentKinds(), []);
  },
);

Deno.test(
  "close() drops notifications that the transport does not take, without GOAWAY",
  pure,
  () => {
    const lone = Lone.open("client");
    lone.sink.open = false;
    for (let n = 0; n < 3; n++) note(lone, 10);
    lone.session.enter(0).close();
    lone.sent();
    lone.advance(1000);
    assertEquals([lone.sentKinds(), lone.dropped, lone.session.sentGoaway], [
      [],
      3,
      false,
    ]);
  },
);

Deno.test(
  "close() with a timeout of 0 ends at once, also during an earlier close()",
  pure,
  () => {
    const lone = withoutCredit();
    note(lone, 7);
    lone.session.enter(0).close("first");
    lone.session.enter(0).close("second", 0);
    assertEquals([lone.session.state, lone.dropped], ["closed", 1]);

    const brief = withoutCredit();
    note(brief, 7);
    brief.session.enter(0).close("first", 1);
    assertEquals([brief.session.state, brief.dropped], ["closing", 0]);
    brief.advance(1);
    assertEquals([brief.session.state, brief.dropped], ["closed", 1]);
  },
);

Deno.test(
  "close() fails calls at once, and drops the peer's messages while it sends",
  pure,
  () => {
    const lone = withoutCredit();
    const asked = lone.call();
    lone.receive(Kind.REQUEST, 2, request(ASK));
    note(lone, 7);
    lone.sent();
    lone.session.enter(0).close();
    assertEquals([asked.error.code, asked.error.processed], [
      "disconnected",
      "maybe",
    ]);
    assertEquals(lone.calls.map(({ cancels }) => cancels), [["disconnected"]]);
    lone.receive(Kind.RESULT, 1, message());
    lone.receive(Kind.REQUEST, 4, request(ASK));
    lone.receive(Kind.NOTIFY, 0, request(NOTE, [1]));
    assertEquals([lone.calls.length, lone.notes, lone.sentKinds()], [
      1,
      [],
      [],
    ]);
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(100_000));
    const [, goaway] = lone.sent();
    assertEquals(goawayOf(goaway!).lastId, 2); // call 4 was not processed
  },
);

Deno.test(
  "a peer that leaves while this side closes does not make the end an error",
  pure,
  () => {
    const leave: ((lone: Lone) => void)[] = [
      (lone) => lone.session.enter(0).inputEnded(undefined),
      (lone) => lone.receive(Kind.GOAWAY, 0, new Uint8Array(9)),
      (lone) => lone.receive(0x0f, 0), // an unknown kind
    ];
    for (const how of leave) {
      const lone = withoutCredit();
      note(lone, 7);
      lone.session.enter(0).close();
      how(lone);
      assertEquals([lone.ends, lone.dropped], [[undefined], 1]);
    }
  },
);

Deno.test(
  "close() of a client before the server's HELLO sends what was accepted",
  pure,
  () => {
    const lone = new Lone("client");
    lone.session.enter(0).start(undefined);
    assertEquals([note(lone, 20_000), note(lone, 30_000)], [true, true]);
    lone.session.enter(0).close();
    assertEquals(lone.session.state, "closing");
    lone.sent();
    lone.receive(Kind.HELLO, 0, hello("server"));
    for (let n = 0; n < 3; n++) lone.write();
    assertEquals(lone.sentKinds().at(-1), "GOAWAY 0");
    assertEquals([lone.opened, lone.ends, lone.dropped], [0, [undefined], 0]);
  },
);

Deno.test(
  "a lost connection drops and counts accepted and waiting notifications",
  pure,
  () => {
    const lone = Lone.open("client", { unsentSoft: 64 * 1024 }, {
      notifyWindow: 16_384,
    });
    for (let n = 0; n < 6; n++) note(lone, 20_000); // one is sent
    const failures: string[] = [];
    const waiting = lone.session.enter(0).outgoing.notify({
      method: NOTE,
      info: TABLES.calls[NOTE]!,
      value: body(1),
      hasValue: true,
      timeout: Infinity,
      fields: NO_FIELDS,
    });
    waiting!.observer = {
      onAccepted: () => failures.push("accepted"),
      onFailed: ({ code, processed }) => failures.push(`${code} ${processed}`),
    };
    lone.session.enter(0).inputEnded(undefined);
    assertEquals(failures, ["disconnected no"]);
    assertEquals(lone.session.stats.droppedNotifications, 6);
    assertEquals(lone.dropped, 6);
  },
);

Deno.test(
  "a drain whose grace has passed still sends accepted notifications",
  pure,
  () => {
    const lone = withoutCredit();
    note(lone, 7);
    lone.session.enter(0).drain({ grace: 500 });
    lone.advance(500);
    assertEquals([lone.session.state, lone.drained], ["closing", 1]);
    lone.sent();
    lone.receive(Kind.WINDOW, Account.NOTIFICATIONS, total(100_000));
    assertEquals([lone.sentKinds(), lone.dropped], [
      ["NOTIFY 0", "GOAWAY 0"],
      0,
    ]);
  },
);
