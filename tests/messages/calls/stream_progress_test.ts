import { assertEquals, assertThrows } from "@std/assert";
import {
  isInterruption,
  StreamProgress,
} from "../../../lib/messages/calls/stream_progress.ts";
import {
  CallError,
  type CallErrorCode,
  type Processed,
  type Retry,
} from "../../../lib/messages/errors/call_error.ts";
import { Feature } from "../../../lib/messages/session/wire/features.ts";

const pure = { permissions: "none" } as const;
const POSITION = { epoch: 7, number: 41 };
const CUT = new CallError("cut", { code: "disconnected" });

Deno.test(
  "a stream begins with its input, whatever the server supports",
  pure,
  () => {
    const progress = new StreamProgress(() => "again");
    progress.position = POSITION;
    for (const features of [0, Feature.POSITIONS]) {
      assertEquals(progress.next("input", features), { input: "input" });
    }
  },
);

Deno.test(
  "a stream continues by position where the server supports positions, else by resume()",
  pure,
  () => {
    const progress = new StreamProgress((last, input) => `${last} of ${input}`);
    progress.last = 41;
    progress.interrupt(CUT);
    assertEquals(progress.next("all", Feature.POSITIONS), {
      input: "41 of all",
    });
    progress.position = POSITION;
    assertEquals(progress.next("all", Feature.POSITIONS), {
      input: "all",
      resumeFrom: POSITION,
    });
    assertEquals(progress.next("all", 0), { input: "41 of all" });
  },
);

Deno.test(
  "a stream that cannot continue fails with the error that interrupted it",
  pure,
  () => {
    const progress = new StreamProgress();
    assertEquals(progress.continues, false);
    progress.position = POSITION;
    assertEquals(progress.continues, true);
    progress.interrupt(CUT);
    assertThrows(() => progress.next("all", 0), CallError, "cut");
  },
);

Deno.test("isInterruption() is true for cuts and drains only", pure, () => {
  const cases: [CallErrorCode, Processed, Retry, boolean][] = [
    ["disconnected", "maybe", "never", true],
    ["moving", "yes", "now", true],
    ["unavailable", "maybe", "never", true], // the end of a drain
    ["unavailable", "yes", "now", true], // a handler that watched the drain
    ["unavailable", "yes", "never", false], // a handler that refused
    ["internal", "yes", "never", false],
    ["overloaded", "yes", "later", false],
    ["declared", "yes", "never", false],
    ["cancelled", "maybe", "never", false],
    ["deadline", "maybe", "never", false],
    ["gap", "maybe", "now", false],
    ["unimplemented", "no", "never", false],
  ];
  for (const [code, processed, retry, expected] of cases) {
    const error = new CallError(code, { code, processed, retry });
    assertEquals([code, isInterruption(error)], [code, expected]);
  }
  assertEquals(isInterruption(new Error("disconnected")), false);
});
