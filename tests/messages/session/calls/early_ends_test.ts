/**
 * Calls that end before their handlers, because the caller cancels or breaks
 * them or lets their deadlines pass, have one rate: beyond it, their terminals
 * are held and they keep their slots.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  Field,
  NO_FIELDS,
  u32Field,
} from "../../../../lib/messages/session/wire/fields.ts";
import { Kind } from "../../../../lib/messages/session/wire/frame_header.ts";
import { inFlightOf } from "../accounts.ts";
import { Lone, request } from "../lone_session.ts";
import { ASK, body } from "../session_calls.ts";

const PURE = { permissions: "none" } as const;

/** A burst of 64, then 40 a second. */
const LIMITS = { cancelsPerSecond: 40, maxCalls: 64 };

/** Ways in which calls end before their handlers. */
const ENDS: Record<string, (lone: Lone, ids: number[]) => void> = {
  "are cancelled": (lone, ids) =>
    ids.forEach((id) => lone.receive(Kind.CANCEL, id, [0])),
  "are broken by END": (lone, ids) =>
    ids.forEach((id) => lone.receive(Kind.END, id)),
  "are broken by ITEM": (lone, ids) =>
    ids.forEach((id) => lone.receive(Kind.ITEM, id, [0, 0])),
  "reach their deadline": (lone) => lone.advance(10),
};

/** Starts calls, ends them, and lets their handlers settle; returns the terminals. */
function end(lone: Lone, how: string, count: number): number {
  const first = lone.calls.length;
  const timeout = how.includes("deadline") ? u32Field(Field.DEADLINE, 1) : [];
  const ids = Array.from({ length: count }, (_, i) => 2 * (first + i) + 1);
  for (const id of ids) {
    lone.receive(Kind.REQUEST, id, request(ASK, [], timeout));
  }
  ENDS[how]!(lone, ids);
  for (const { call } of lone.calls.slice(first)) {
    const { responses } = lone.session.enter(lone.now).incoming;
    responses.respond(call, body(1), NO_FIELDS);
  }
  return terminals(lone);
}

function terminals(lone: Lone): number {
  return lone.sentKinds().filter((kind) => kind.startsWith("ERROR")).length;
}

for (const how of Object.keys(ENDS)) {
  Deno.test(`calls that ${how} keep their slots beyond the rate`, PURE, () => {
    const lone = Lone.open("server", LIMITS);
    assertEquals(end(lone, how, 64), 64); // the burst
    assertEquals(end(lone, how, 60), 0);
    assertEquals(inFlightOf(lone.session).incoming, 60);
    lone.advance(1000);
    assertEquals(terminals(lone), 40);
    lone.advance(1000);
    assertEquals(terminals(lone), 20);
    assertEquals(inFlightOf(lone.session).incoming, 0);
    assertEquals(lone.ends, []);
  });
}

Deno.test("calls that end in different ways share one rate", PURE, () => {
  const lone = Lone.open("server", LIMITS);
  const all = Object.keys(ENDS).map((how) => end(lone, how, 30));
  assertEquals(all, [30, 30, 4, 0]);
});

Deno.test("calls that end after their handlers have no rate", PURE, () => {
  const lone = Lone.open("server", LIMITS);
  for (let i = 0; i < 500; i++) {
    lone.receive(Kind.REQUEST, 2 * i + 1, request(ASK));
    const { responses } = lone.session.enter(lone.now).incoming;
    responses.respond(lone.calls[i]!.call, body(1), NO_FIELDS);
    lone.receive(Kind.CANCEL, 2 * i + 1, [0]); // late
  }
  assertEquals(inFlightOf(lone.session).incoming, 0);
  assertEquals(end(lone, "are cancelled", 64), 64);
});
