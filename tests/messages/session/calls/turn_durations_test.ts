import { assertEquals } from "@std/assert";
import { MethodCounters } from "../../../../lib/messages/session/calls/method_counters.ts";
import { TurnDurations } from "../../../../lib/messages/session/calls/turn_durations.ts";

Deno.test("TurnDurations divides the time of a turn among its calls", {
  permissions: "none",
}, () => {
  const turn = new TurnDurations();
  const [price, ping] = [new MethodCounters(), new MethodCounters()];
  turn.settle(100); // no calls
  turn.succeeded(price, 100);
  turn.succeeded(ping, 100);
  turn.succeeded(price, 100);
  turn.settle(160);
  turn.settle(200); // already settled
  assertEquals([price.time, ping.time], [40, 20]);
  assertEquals(price.figures().duration.count, 2);
  turn.failed(ping, 300);
  turn.settle(301);
  assertEquals([price.time, ping.time], [40, 21]);
  assertEquals(ping.figures().duration.count, 1); // failed calls have none
});
