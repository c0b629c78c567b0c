import { assertEquals } from "@std/assert";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";
import { Heartbeat } from "../../../../lib/messages/session/control/heartbeat.ts";

const pure = { permissions: "none" } as const;
const limits = resolveSessionLimits({
  heartbeat: 1000,
  heartbeatMisses: 2,
  writeStall: 700,
});

Deno.test("Heartbeat counts silence from the last byte read", pure, () => {
  const live = new Heartbeat(limits, 0);
  assertEquals([live.wakeAt, live.check(999, 0)], [1000, undefined]);
  live.read(900);
  assertEquals([live.wakeAt, live.check(1000, 0)], [1900, undefined]);
  assertEquals(live.check(1900, 0), "ping");
  assertEquals([live.wakeAt, live.check(2899, 0)], [2900, undefined]);
  assertEquals(live.check(2900, 0), "ping");
  assertEquals(live.check(3900, 0), "silent");
});

Deno.test(
  "Heartbeat waits a full interval after the process was suspended",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    assertEquals(live.check(1e6, 0), "ping");
    assertEquals(live.wakeAt, 1e6 + 1000);
    live.read(1e6 + 10);
    assertEquals(live.check(1e6 + 1005, 0), undefined);
  },
);

Deno.test(
  "Heartbeat detects a stalled transport, counted from the first unsent byte",
  pure,
  () => {
    const live = new Heartbeat(limits, 0);
    live.watch(100, 5);
    live.watch(400, 9);
    assertEquals(live.wakeAt, 800);
    live.written(500, 4); // progress
    assertEquals([live.wakeAt, live.check(1199, 4)], [1000, "ping"]);
    assertEquals(live.check(1200, 4), "stalled");
    live.written(1200, 0);
    assertEquals(live.check(1900, 0), undefined);
  },
);
