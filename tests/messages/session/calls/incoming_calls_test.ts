import { accountsOf, inFlightOf } from "../accounts.ts";
import { NO_FIELDS } from "../../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { CallError } from "../../../../lib/messages/errors/call_error.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, DOWN, NOTE, TALK, UP } from "../session_calls.ts";
import { errorOf, Lone, message, request } from "../lone_session.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "receiveRequest() refuses requests that are not served, as not processed",
  pure,
  () => {
    const cases: [Uint8Array, number][] = [
      [request(99), 3],
      [request(NOTE), 3],
      [request(ASK, [], [1, 0, 4, 0, 0, 0, 0]), 2], // no time left
      [request(ASK, [], [1, 0, 3, 0, 0, 0]), 11],
      [Uint8Array.of(0, ASK), 11],
      [request(ASK, [], [2, 0, 4, 1, 65, 0, 0]), 11],
    ];
    const lone = Lone.open("server");
    cases.forEach(([bytes, code], n) => {
      lone.receive(Kind.REQUEST, 2 * n + 1, bytes);
      const [sent] = lone.sent();
      assertEquals([sent?.kind, sent?.id], [Kind.ERROR, 2 * n + 1]);
      assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [code, 0]);
    });
    assertEquals([lone.calls.length, lone.session.stats.refusedCalls], [
      0,
      cases.length,
    ]);
    assertEquals(lone.ends, []);
  },
);

Deno.test(
  "receiveRequest() refuses calls beyond maxCalls until handlers settle",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 64; id += 2) {
      lone.receive(
        Kind.REQUEST,
        id,
        request(ASK),
      );
    }
    lone.receive(Kind.REQUEST, 65, request(ASK));
    const [sent] = lone.sent();
    assertEquals(errorOf(sent!), { code: 6, processed: 0, retry: 1 });
    // A CANCEL frees no slot: the handler still runs.
    lone.receive(Kind.CANCEL, 1, [0]);
    lone.receive(Kind.REQUEST, 67, request(ASK));
    assertEquals([lone.calls[0]?.cancels, lone.sentKinds()], [["cancelled"], [
      "ERROR 67",
    ]]);
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      body(1),
      NO_FIELDS,
    );
    lone.receive(Kind.REQUEST, 69, request(ASK));
    assertEquals([lone.sentKinds(), lone.calls.length], [["ERROR 1"], 33]);
  },
);

Deno.test(
  "fail() ends a broken call at once, but keeps its slot until the handler settles",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 64; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK));
      lone.receive(Kind.ITEM, id, message());
    }
    const sent = lone.sent();
    assertEquals(sent.map((one) => errorOf(one).code), new Array(32).fill(11));
    lone.receive(Kind.REQUEST, 65, request(ASK));
    assertEquals(errorOf(lone.sent()[0]!).code, 6);
    for (const { call } of lone.calls) {
      lone.session.enter(0).incoming.responses.respond(
        call,
        body(1),
        NO_FIELDS,
      );
    }
    assertEquals(lone.sentKinds(), []);
    lone.receive(Kind.REQUEST, 67, request(ASK));
    assertEquals([lone.calls.length, lone.session.stats.malformedCalls], [
      33,
      32,
    ]);
  },
);

Deno.test(
  "receiveItem() and receiveEnd() break a call whose shape or state forbids them",
  pure,
  () => {
    const cases: [number, (lone: Lone) => void][] = [
      [DOWN, (lone) => lone.receive(Kind.ITEM, 1, message())],
      [DOWN, (lone) => lone.receive(Kind.END, 1)],
      [
        UP,
        (lone) => lone.receive(Kind.END, 1).receive(Kind.ITEM, 1, message()),
      ],
      [UP, (lone) => lone.receive(Kind.END, 1).receive(Kind.END, 1)],
      [
        TALK,
        (lone) => lone.receive(Kind.ITEM, 1, message(), 1).receive(Kind.END, 1),
      ],
      [UP, (lone) => lone.receive(Kind.ITEM, 1, [0, 9])],
    ];
    for (const [method, breakIt] of cases) {
      const lone = Lone.open("server");
      lone.receive(Kind.REQUEST, 1, request(method));
      breakIt(lone);
      const [sent] = lone.sent();
      assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [11, 1]);
      assertEquals([lone.calls[0]?.cancels, lone.ends], [["cancelled"], []]);
      assertEquals(accountsOf(lone.session).assembling, 0);
    }
  },
);

Deno.test(
  "receiveCancel() closes the connection above cancelsPerSecond",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32, cancelsPerSecond: 40 });
    for (let id = 1; lone.ends.length === 0; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK));
      lone.receive(Kind.CANCEL, id, [0]);
      const { call } = lone.calls.at(-1)!;
      lone.session.enter(0).incoming.responses.fail(
        call,
        new CallError("yes", { code: "cancelled" }),
      );
      assertEquals(id < 100, true);
    }
    assertEquals([lone.error.code, lone.calls.length], ["too-many", 41]);
  },
);

Deno.test(
  "expire() cancels a call at the callee's own deadline",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK, [], [1, 0, 4, 0, 0, 0, 50]));
    const [held] = lone.calls;
    lone.advance(60);
    assertEquals(held?.cancels, ["deadline"]);
    lone.session.enter(lone.now).incoming.responses.respond(
      held!.call,
      body(1),
      NO_FIELDS,
    );
    const [sent] = lone.sent();
    assertEquals([errorOf(sent!).code, errorOf(sent!).processed], [2, 2]);
    assertEquals(accountsOf(lone.session).timers, 0);
  },
);

Deno.test(
  "end() cancels every handler with the code of the reason",
  pure,
  () => {
    for (const code of ["disconnected", "unavailable"] as const) {
      const lone = Lone.open("server", { drainGrace: 100 });
      lone.receive(Kind.REQUEST, 1, request(TALK));
      if (code === "unavailable") {
        lone.session.enter(0).drain();
        lone.advance(100);
      } else lone.session.enter(0).inputEnded(new Error("reset"));
      assertEquals([lone.calls[0]?.cancels, lone.calls[0]?.itemsEnded], [[
        code,
      ], true]);
      lone.session.enter(0).incoming.responses.respond(
        lone.calls[0]!.call,
        undefined,
        NO_FIELDS,
      );
      assertEquals(inFlightOf(lone.session).incoming, 0);
    }
  },
);

Deno.test(
  "fail() sends one reply if the handler settles when notified, and frees the slot",
  pure,
  () => {
    const lone = Lone.open("server", { maxCalls: 32 });
    for (let id = 1; id < 100; id += 2) {
      lone.receive(Kind.REQUEST, id, request(ASK, [1]));
      const held = lone.calls.at(-1)!;
      held.onCancelled = () =>
        lone.session.enter(lone.now).incoming.responses.fail(
          held.call,
          held.call.cancelled!,
        );
      lone.receive(Kind.END, id); // breaks it
      assertEquals(lone.sentKinds(), [`ERROR ${id}`]);
    }
  },
);

Deno.test(
  "receiveRequest() and receiveNotification() ignore fields of other messages",
  pure,
  () => {
    const lone = Lone.open("server");
    const one = (type: number) => [type, 0, 1, 9]; // neither a u32 nor pairs of text
    lone.receive(Kind.REQUEST, 1, request(ASK, [1], one(0x13)));
    lone.receive(Kind.NOTIFY, 0, request(NOTE, [1], one(0x01)));
    assertEquals([lone.calls.length, lone.notes.length], [1, 1]);
  },
);
