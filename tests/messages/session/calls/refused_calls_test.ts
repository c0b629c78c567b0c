import { assert, assertEquals } from "@std/assert";
import { CALL_ERROR_CODES } from "../../../../lib/messages/errors/call_error.ts";
import {
  Flag,
  Kind,
} from "../../../../lib/messages/session/wire/frame_header.ts";
import { smallSizes, TABLES } from "../simulation.ts";
import {
  errorOf,
  hello,
  Lone,
  message,
  request,
  type SentFrame,
  total,
} from "../lone_session.ts";
import { ASK, body, NOTE } from "../session_calls.ts";

const pure = { permissions: "none" } as const;
const MORE = Flag.MORE;

/** Returns an open client that serves no method. */
function client(): Lone {
  const sizes = smallSizes(TABLES.calls.length);
  const lone = new Lone(
    "client",
    {},
    undefined,
    false,
    sizes,
    undefined,
    false,
  );
  lone.session.enter(0).start(undefined);
  lone.receive(Kind.HELLO, 0, hello("server"));
  lone.sent();
  return lone;
}

function codes(frames: readonly SentFrame[]): string[] {
  return frames.filter(({ kind }) => kind === Kind.ERROR).map((frame) => {
    const { code, processed } = errorOf(frame);
    return `${frame.id} ${CALL_ERROR_CODES[code]} ${processed}`;
  });
}

Deno.test("RefusedCalls answers each request with unimplemented", pure, () => {
  const lone = client();
  lone.receive(Kind.REQUEST, 2, request(ASK));
  lone.receive(Kind.REQUEST, 4, request(60_000));
  const whole = request(ASK, body(100, 5));
  lone.receive(Kind.REQUEST, 6, whole.subarray(0, 50), MORE);
  assertEquals(codes(lone.sent()), ["2 unimplemented 0", "4 unimplemented 0"]);
  assertEquals(lone.session.held > 0, true);
  lone.receive(Kind.REQUEST, 6, whole.subarray(50));
  assertEquals(codes(lone.sent()), ["6 unimplemented 0"]);
  const { callsHandled, refusedCalls } = lone.session.figures();
  assertEquals([callsHandled.refused, callsHandled.open], [3, 0]);
  assertEquals([refusedCalls, lone.calls.length], [3, 0]);
  assertEquals(lone.session.held, 0);
});

Deno.test(
  "RefusedCalls counts notifications and late frames, and drops them",
  pure,
  () => {
    const lone = client();
    lone.receive(Kind.NOTIFY, 0, request(NOTE));
    lone.receive(Kind.REQUEST, 2, request(ASK));
    lone.receive(Kind.ITEM, 2, message([1]));
    lone.receive(Kind.CREDIT, 2, total(10));
    lone.receive(Kind.END, 2);
    lone.receive(Kind.CANCEL, 2, [0]);
    const { malformedCalls, lateFrames } = lone.session.stats;
    assertEquals([malformedCalls, lateFrames, lone.ends], [1, 4, []]);
  },
);

Deno.test("RefusedCalls grants credit for what it has refused", pure, () => {
  const lone = client();
  for (let n = 1; n <= 60; n++) {
    lone.receive(Kind.REQUEST, 2 * n, request(ASK, body(100_000, 1)));
    lone.receive(Kind.NOTIFY, 0, request(NOTE, body(100_000, 1)));
    lone.write();
  }
  assertEquals(lone.ends, []);
  assert(lone.sent().some(({ kind }) => kind === Kind.WINDOW));
});

Deno.test(
  "RefusedCalls refuses a request that a frame interrupts",
  pure,
  () => {
    const lone = client();
    lone.receive(Kind.REQUEST, 2, request(ASK), MORE);
    lone.receive(Kind.CANCEL, 2, [0]);
    lone.receive(Kind.REQUEST, 2, body(9));
    assertEquals(codes(lone.sent()), ["2 malformed 0"]);
    assertEquals(lone.ends, []);
  },
);

Deno.test(
  "RefusedCalls closes the connection at ids that are not valid",
  pure,
  () => {
    for (const [kind, id] of [[Kind.END, 4], [Kind.REQUEST, 3]] as const) {
      const lone = client();
      lone.receive(kind, id, kind === Kind.REQUEST ? request(ASK) : []);
      assertEquals(lone.ends[0]?.code, "protocol");
    }
  },
);

Deno.test("RefusedCalls ends incomplete requests with a drain", pure, () => {
  const lone = client();
  lone.receive(Kind.REQUEST, 2, request(ASK), MORE);
  lone.session.enter(0).drain({ grace: 10 });
  lone.advance(20);
  assertEquals(codes(lone.sent()), ["2 unavailable 0"]);
  assertEquals(lone.session.held, 0);
});
