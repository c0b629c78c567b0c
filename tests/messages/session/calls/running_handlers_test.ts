import { assertEquals } from "@std/assert";
import { RunningHandlers } from "../../../../lib/messages/session/calls/running_handlers.ts";

const PURE = { permissions: "none" } as const;
const MiB = 2 ** 20;

Deno.test(
  "a session may use an eighth of the limit, and one handler",
  PURE,
  () => {
    const running = new RunningHandlers(64 * MiB);
    assertEquals(running.isFull(8 * MiB - 1), false);
    assertEquals(running.isFull(8 * MiB), true);
    running.expected = 64 * MiB;
    assertEquals([running.isFull(0), running.isFull(1)], [false, true]);
  },
);

Deno.test(
  "a server is crowded for 64 ms by replies of unknown size",
  PURE,
  () => {
    const running = new RunningHandlers(8 * MiB);
    for (let entered = 0; entered < 7; entered++) running.enteredUnknown(1000);
    assertEquals(running.isCrowded(1000), false);
    running.enteredUnknown(1001);
    assertEquals([running.isCrowded(1001), running.isCrowded(1064)], [
      true,
      false,
    ]);
  },
);

Deno.test("a server is full from exactly its limit on", PURE, () => {
  const running = new RunningHandlers(64 * MiB);
  running.expected = 64 * MiB - 1;
  assertEquals(running.isFull(1), false);
  running.expected++;
  assertEquals(running.isFull(1), true);
  const small = new RunningHandlers(MiB + 1);
  small.enteredUnknown(0);
  assertEquals(small.isCrowded(0), false);
  small.enteredUnknown(0);
  assertEquals(small.isCrowded(0), true);
});
