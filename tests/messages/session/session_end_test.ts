import { inFlightOf } from "./accounts.ts";
import { sendItem } from "../../../lib/messages/session/flow/outgoing_items.ts";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { assertEquals } from "@std/assert";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body } from "./session_calls.ts";
import { Lone, request } from "./lone_session.ts";

const pure = { permissions: "none" } as const;

/** A sender that ignores the outcome of its item. */
const UNTOLD = { onAccepted() {}, onRejected() {}, onDropped() {} };

Deno.test(
  "a GOAWAY with an error code ends the session with that code, marked as remote",
  pure,
  () => {
    const lone = Lone.open("client");
    lone.receive(Kind.GOAWAY, 0, [6, 0, 0, 0, 0, 0, 0, 0, 0, 65]);
    assertEquals([lone.error.code, lone.error.remote, lone.peerDraining], [
      "too-many",
      true,
      0,
    ]);
    assertEquals(lone.error.message.endsWith("A"), true);
    const later = Lone.open("client");
    later.receive(Kind.GOAWAY, 0, [200, 0, 0, 0, 0, 0, 0, 0, 0]);
    assertEquals(later.error.code, "internal");
  },
);

Deno.test(
  "a session ends once and sends nothing after its GOAWAY",
  pure,
  () => {
    const lone = Lone.open("server");
    for (const id of [1, 3]) lone.receive(Kind.REQUEST, id, request(2));
    for (const { call } of lone.calls) {
      sendItem(lone.session.enter(0).shared, call, body(900_000), UNTOLD);
    }
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      undefined,
      NO_FIELDS,
    );
    lone.sent();
    assertEquals(lone.session.sentGoaway, false);
    lone.receive(0x7f, 0);
    assertEquals([lone.sentKinds(), lone.session.sentGoaway], [
      ["GOAWAY 0"],
      true,
    ]);
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[1]!.call,
      undefined,
      NO_FIELDS,
    );
    lone.session.enter(0).drain();
    lone.session.enter(0).close();
    assertEquals([lone.ends.length, lone.drained, lone.sent()], [1, 0, []]);
    assertEquals(inFlightOf(lone.session).incoming, 0);
  },
);

Deno.test(
  "a session whose transport failed sends nothing",
  pure,
  () => {
    const lone = Lone.open("server");
    lone.receive(Kind.REQUEST, 1, request(ASK));
    lone.sent();
    lone.session.enter(0).inputEnded(new Error("reset"));
    lone.session.enter(0).incoming.responses.respond(
      lone.calls[0]!.call,
      body(1),
      NO_FIELDS,
    );
    assertEquals([lone.sent(), lone.session.sentGoaway], [[], false]);
    assertEquals([lone.error.code, lone.error.cause instanceof Error], [
      "disconnected",
      true,
    ]);
  },
);
