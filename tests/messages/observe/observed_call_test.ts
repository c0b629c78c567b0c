import { assertEquals } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { HookGuard } from "../../../lib/messages/observe/hook_guard.ts";
import { ObservedCall } from "../../../lib/messages/observe/observed_call.ts";
import type {
  CallInfo,
  CallObserver,
} from "../../../lib/messages/observe/observer.ts";

type Facts = ConstructorParameters<typeof ObservedCall>[0];

/** Returns a call of a session whose clock the test sets, and its outcomes. */
function observed(more: CallObserver = {}) {
  const clock = {
    time: 100,
    now: () => clock.time,
    get recent() {
      return clock.time;
    },
  };
  const outcomes: unknown[] = [];
  const observer: CallObserver = {
    end({ code, processed, cancelledBy, declaredError, incident, ms }) {
      outcomes.push([
        code,
        processed,
        cancelledBy,
        declaredError,
        incident,
        ms,
      ]);
    },
    ...more,
  };
  const reported: unknown[] = [];
  const call = new ObservedCall(
    { session: clock } as unknown as Facts, // the members that a call reads here
    new HookGuard((error) => reported.push(error)),
    (_: CallInfo) => [observer],
  );
  clock.time = 130;
  return { call, clock, outcomes, reported };
}

const DECLARED = {
  code: "declared",
  declared: "Sold",
  incident: "i1",
} as const;

Deno.test("ObservedCall says how a call ended at the caller", () => {
  const cases: [unknown, boolean, unknown[]][] = [
    [undefined, false, ["ok", "yes", undefined, "", "", 30]],
    [new Error("x"), false, ["local", "maybe", undefined, "", "", 30]],
    [new Error("x"), true, ["local", "maybe", undefined, "", "", 30]],
    [undefined, true, ["ok", "yes", undefined, "", "", 30]],
    [
      new CallError("x", { ...DECLARED, processed: "no" }),
      true,
      ["declared", "no", undefined, "Sold", "i1", 30],
    ],
    [
      new CallError("x", { code: "cancelled", processed: "maybe" }),
      false,
      ["cancelled", "maybe", "callee", "", "", 30],
    ],
    [
      new CallError("x", { code: "cancelled", processed: "maybe" }),
      true,
      ["cancelled", "maybe", "caller", "", "", 30],
    ],
  ];
  for (const [error, cancelled, outcome] of cases) {
    const { call, outcomes } = observed();
    if (cancelled) call.cancelled();
    const ends: string[] = [];
    call.onEnd(() => ends.push("while it was open"));
    call.end(error);
    call.end(new Error("a second end"));
    call.handled(undefined, true);
    call.onEnd(() => ends.push("after its end"));
    assertEquals(outcomes, [outcome]);
    assertEquals([call.ended, ends], [
      true,
      ["while it was open", "after its end"],
    ]);
  }
});

Deno.test("ObservedCall says how a call ended at the callee", () => {
  const { call, outcomes } = observed();
  call.handled(new CallError("x", DECLARED), false);
  assertEquals(outcomes, [["declared", "no", undefined, "Sold", "i1", 30]]);
  for (const by of ["caller", "callee"] as const) {
    const { call, outcomes } = observed();
    if (by === "caller") call.cancelled();
    call.incident = "i2";
    call.handled(new CallError("x", { code: "cancelled" }), true);
    assertEquals(outcomes, [["cancelled", "yes", by, "", "i2", 30]]);
  }
  const successful = observed();
  successful.call.handled(undefined, true);
  assertEquals(successful.outcomes, [["ok", "yes", undefined, "", "", 30]]);
});

Deno.test("ObservedCall reports one first item, in either direction", () => {
  for (const first of ["itemSent", "itemReceived"] as const) {
    const seen: unknown[] = [];
    const { call } = observed({
      firstItem: () => void seen.push("first"),
      message: (...args) => void seen.push(args),
    });
    call[first](5);
    call.itemSent(6);
    call.itemReceived(7);
    const direction = first === "itemSent" ? "sent" : "received";
    assertEquals(seen, [
      "first",
      [direction, 5],
      ["sent", 6],
      ["received", 7],
    ]);
    const sent = first === "itemSent" ? 11 : 6;
    assertEquals([call.bytesSent, call.bytesReceived], [sent, 18 - sent]);
    assertEquals(call.itemsSent + call.itemsReceived, 3);
  }
  const seen: unknown[] = [];
  const late = observed({ firstItem: () => void seen.push("first") });
  late.call.end(undefined);
  late.call.itemReceived(1);
  assertEquals(seen, []);
});

Deno.test("a call that ends within one read of its session has taken some time", () => {
  const short = observed();
  short.clock.time = 100.5;
  short.call.end(undefined);
  assertEquals(short.call.ms, 0.5);
  const { call, clock, outcomes } = observed();
  clock.time = 100; // as at its beginning
  call.end(undefined);
  const [, , , , , ms] = outcomes[0] as unknown[];
  assertEquals(ms, call.ms);
  assertEquals(call.ms === 0, false, "the clock of the process is asked");
});
