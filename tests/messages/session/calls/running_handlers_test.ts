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

Deno.test("a server is full from exactly its limit on", PURE, () => {
  const running = new RunningHandlers(64 * MiB);
  running.expected = 64 * MiB - 1;
  assertEquals(running.isFull(1), false);
  running.expected++;
  assertEquals(running.isFull(1), true);
});
