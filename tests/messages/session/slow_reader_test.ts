/**
 * A peer that reads slower than `minWriteRate` loses its session, although the
 * transport accepts every frame that it is offered.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { NO_FIELDS } from "../../../lib/messages/session/wire/fields.ts";
import { Kind } from "../../../lib/messages/session/wire/frame_header.ts";
import type { SessionLimits } from "../../../lib/messages/session/wire/limits.ts";
import { Lone, request } from "./lone_session.ts";
import { ASK } from "./session_calls.ts";

const PURE = { permissions: "none" } as const;
const SIZE = 16_000;

const LIMITS: Partial<SessionLimits> = {
  maxFrameBody: 16_384,
  maxCalls: 200,
  unsentSoft: 65_536,
  writeStall: 1000,
  heartbeat: 2 ** 31 - 1,
  pendingHeartbeat: 2 ** 31 - 1,
};

/** Returns a session with so many results, most of which wait. */
function withResults(count: number, limits: Partial<SessionLimits>): Lone {
  const lone = Lone.open("server", { ...LIMITS, ...limits });
  lone.sink.leaveUnsent(0);
  for (let i = 0; i < count; i++) {
    lone.receive(Kind.REQUEST, 2 * i + 1, request(ASK));
    if (i % 15 === 14) lone.advance(16); // reservations expire
  }
  const { responses } = lone.session.enter(lone.now).incoming;
  for (const { call } of lone.calls) {
    responses.respond(call, new Uint8Array(SIZE), NO_FIELDS);
  }
  return lone;
}

/** Lets the peer read everything that is unsent, every 100 ms. */
function read(lone: Lone, ms: number): void {
  for (let time = 0; time < ms; time += 100) lone.advance(100).write();
}

Deno.test(
  "a session whose waiting results are read too slowly ends",
  PURE,
  () => {
    const lone = withResults(200, { minWriteRate: 2 ** 20 });
    read(lone, 5000);
    assertEquals(lone.session.state, "closed");
    assertEquals(lone.error.code, "unsent");
    assertEquals(
      lone.error.message,
      "The connection was closed: less than 1048576 bytes per second were read for 1000 ms (limits minWriteRate, writeStall)",
    );
  },
);

Deno.test(
  "a session whose waiting results are read fast enough stays open",
  PURE,
  () => {
    const lone = withResults(200, { minWriteRate: 2 ** 16 });
    read(lone, 30_000);
    assertEquals(lone.ends, []);
    const done = lone.sentKinds().filter((kind) => kind.startsWith("RESULT"));
    assertEquals(done.length, 200);
  },
);

Deno.test("a session that has nothing unsent is never too slow", PURE, () => {
  const lone = withResults(1, { minWriteRate: 2 ** 30 });
  lone.write().advance(60_000);
  assertEquals(lone.session.state, "open");
});
