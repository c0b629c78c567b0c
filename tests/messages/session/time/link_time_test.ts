/** Time that passes only while a session has a link. */
import { assertEquals } from "@std/assert";
import { LinkTime } from "../../../../lib/messages/session/time/link_time.ts";
import { TimerEntry } from "../../../../lib/messages/session/time/timer_wheel.ts";

class Timer extends TimerEntry {
  expired = false;

  override expire(): void {
    this.expired = true;
  }
}

Deno.test(
  "LinkTime rests without a link",
  { permissions: "none" },
  () => {
    const clock = { now: 1_000 };
    const time = new LinkTime(clock);
    const timer = new Timer();
    time.add(timer, time.now + 80);
    assertEquals([time.now, time.wakeAt, time.size], [1_000, 1_080, 1]);
    for (const cut of [5_000, 300]) {
      clock.now += 32;
      time.advance();
      time.cut();
      const { now } = time;
      clock.now += cut;
      time.advance();
      assertEquals([time.now, time.wakeAt, time.of(now)], [
        now,
        Infinity,
        Infinity,
      ]);
      time.resume();
      assertEquals([time.now, time.of(now)], [now, clock.now]);
      time.resume(); // has no effect
    }
    assertEquals([time.wakeAt, timer.expired], [clock.now + 16, false]);
    clock.now += 16;
    time.advance();
    assertEquals([timer.expired, time.size, time.wakeAt], [true, 0, Infinity]);
    time.add(timer, time.now + 8);
    time.remove(timer);
    assertEquals(time.size, 0);
  },
);
