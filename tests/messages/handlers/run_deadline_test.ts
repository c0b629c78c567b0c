import { assertEquals } from "@std/assert";
import { CallError } from "../../../lib/messages/errors/call_error.ts";
import { RunDeadline } from "../../../lib/messages/handlers/run_deadline.ts";
import { FakeTime } from "../../framing/stream/fake_time.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Largest delay of a timer. */
const LONGEST = 2 ** 31 - 1;

Deno.test(
  "RunDeadline arms a timer only for times that timers can wait",
  none,
  () => {
    using time = new FakeTime();
    for (
      const [ms, timers] of [
        [1, 1],
        [LONGEST, 1],
        [LONGEST + 1, 0],
        [Infinity, 0],
      ]
    ) {
      const deadline = new RunDeadline("a", ms!, () => {});
      assertEquals(
        [time.timers, deadline.passed],
        [timers, undefined],
        `${ms}`,
      );
      deadline.clear();
      assertEquals(time.timers, 0);
    }
  },
);

Deno.test("RunDeadline passes once, at once if no time is left", none, () => {
  using time = new FakeTime();
  for (const ms of [-1, 0, 0.5, 10]) {
    const errors: CallError[] = [];
    const deadline = new RunDeadline("a", ms, (error) => errors.push(error));
    assertEquals(errors.length, ms <= 0 ? 1 : 0);
    time.tick(10);
    deadline.expire();
    assertEquals([errors.length, time.timers], [1, 0]);
    assertEquals(errors[0], deadline.passed);
    const { code, processed, method } = errors[0]!;
    assertEquals([code, processed, method], ["deadline", "no", "a"]);
    assertEquals(deadline.settled(errors[0]!).processed, "yes");
    const other = new CallError("x", { code: "deadline" });
    assertEquals(deadline.settled(other), other);
  }
});

Deno.test("RunDeadline.expire() stops the timer", none, () => {
  using time = new FakeTime();
  const deadline = new RunDeadline("a", 10, () => {});
  assertEquals(time.timers, 1);
  deadline.expire();
  assertEquals(time.timers, 0);
});
