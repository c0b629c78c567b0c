/**
 * A session under pressure refuses calls and grants no credit, and makes up for
 * it afterwards.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { CALL_ERROR_CODES as CODES } from "../../../lib/messages/errors/call_error.ts";
import { takeItem } from "../../../lib/messages/session/flow/received_items.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import { ASK, body, NOTE, UP } from "./session_calls.ts";
import { errorOf, Lone, message, request } from "./lone_session.ts";

const pure = { permissions: "none" } as const;
const SMALL = {
  connectionWindow: 65_536,
  notifyWindow: 65_536,
  itemsWindow: 65_536,
};

/** Ids of the accounts that the sent WINDOW frames grant credit for. */
function granted(lone: Lone): number[] {
  return lone.sent().filter(({ kind }) => kind === Kind.WINDOW)
    .map(({ id }) => id);
}

Deno.test("restrict() refuses new calls, not those in progress", pure, () => {
  const lone = Lone.open("server");
  lone.receive(Kind.REQUEST, 1, request(ASK));
  lone.session.enter(0).restrict(true);
  lone.receive(Kind.REQUEST, 3, request(ASK));
  const [refusal] = lone.sent();
  const { code, processed, retry } = errorOf(refusal!); // checked below
  assertEquals([refusal?.id, CODES[code]], [3, "overloaded"]);
  assertEquals([processed, retry], [0, 1]); // no, later
  lone.session.enter(0).restrict(false);
  lone.receive(Kind.REQUEST, 5, request(ASK));
  assertEquals(lone.calls.map(({ call }) => call.id), [1, 5]);
});

Deno.test(
  "restrict() stops the grants of all accounts, which follow later",
  pure,
  () => {
    const lone = Lone.open("server", SMALL);
    lone.receive(Kind.REQUEST, 1, request(UP));
    lone.session.enter(0).restrict(true);
    lone.receive(Kind.REQUEST, 3, request(ASK, body(20_000)));
    lone.receive(Kind.NOTIFY, 0, request(NOTE, body(20_000)));
    lone.receive(Kind.ITEM, 1, message(body(20_000)));
    const [{ call }] = lone.calls as [typeof lone.calls[0]]; // the first has come
    takeItem(lone.session.enter(0).shared, call);
    assertEquals(granted(lone), []);
    lone.session.enter(0).restrict(false);
    assertEquals(granted(lone).sort(), [0, 1, 2]);
  },
);

Deno.test(
  "restrict() stops loans to a reader, which follow later",
  pure,
  () => {
    const lone = Lone.open("server", SMALL);
    for (const id of [1, 3, 5]) lone.receive(Kind.REQUEST, id, request(UP));
    const [, , reader] = lone.calls;
    takeItem(lone.session.enter(0).shared, reader!.call); // waits for an item
    lone.session.enter(0).restrict(true);
    for (const id of [1, 3]) lone.receive(Kind.ITEM, id, message(body(30_000)));
    assertEquals(granted(lone), []);
    lone.session.enter(0).restrict(false);
    assertEquals(granted(lone), [2]);
  },
);
