import { assert, assertEquals } from "@std/assert";
import {
  TimerEntry,
  TimerWheel,
} from "../../../../lib/messages/session/time/timer_wheel.ts";
import { mulberry32 } from "../simulation.ts";

const pure = { permissions: "none" } as const;

class Alarm extends TimerEntry {
  fired: number[] = [];
  constructor(readonly onFire: () => void = () => {}) {
    super();
  }
  override expire(now: number): void {
    this.fired.push(now);
    this.onFire();
  }
}

Deno.test(
  "TimerWheel expires each entry once, never early and at most 8 ms late",
  pure,
  () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = mulberry32(seed);
      const wheel = new TimerWheel();
      let now = random(1e7);
      wheel.advance(now);
      const alarms = Array.from({ length: 40 }, () => {
        const alarm = new Alarm();
        wheel.add(alarm, now + random(60_000));
        return alarm;
      });
      for (const alarm of alarms) if (random(5) === 0) wheel.remove(alarm);
      const waiting = new Set(alarms.filter((alarm) => alarm.slot >= 0));
      assertEquals(wheel.size, waiting.size);
      while (wheel.wakeAt < Infinity) {
        assert(wheel.wakeAt > now, "wakeAt is in the future");
        now = wheel.wakeAt;
        wheel.advance(now);
      }
      for (const alarm of alarms) {
        assertEquals(
          alarm.fired.length,
          waiting.has(alarm) ? 1 : 0,
          `seed ${seed}`,
        );
        const late = (alarm.fired[0] ?? 0) - alarm.dueAt;
        if (waiting.has(alarm)) {
          assert(late >= 0 && late <= 8, `${late} ms late`);
        }
      }
      assertEquals(wheel.size, 0);
    }
  },
);

Deno.test(
  "TimerWheel expires entries at their last time when they were moved and removed",
  pure,
  () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = mulberry32(seed);
      const wheel = new TimerWheel();
      const dueAt = new Map<Alarm, number>();
      const alarms = Array.from({ length: 8 }, () => {
        const alarm = new Alarm(() => dueAt.delete(alarm));
        return alarm;
      });
      for (let now = 0; now < 3000; now += random(12)) {
        wheel.advance(now);
        for (const due of dueAt.values()) {
          assert(due > now - 8, `${now - due} ms late, seed ${seed}`);
        }
        const alarm = alarms[random(alarms.length)]!;
        const before = alarm.fired.length;
        if (random(3) === 0) {
          wheel.remove(alarm);
          dueAt.delete(alarm);
        } else {
          dueAt.set(alarm, now + random(4) * 8);
          wheel.add(alarm, dueAt.get(alarm)!);
        }
        assertEquals(
          [wheel.size, alarm.fired.length],
          [dueAt.size, before],
          `seed ${seed}`,
        );
        assert(
          [...dueAt.values()].every((due) => wheel.wakeAt < due + 16),
          `wakes up late, seed ${seed}`,
        );
      }
    }
  },
);

Deno.test(
  "TimerWheel.advance() skips entries that an earlier entry of the slot removed or moved",
  pure,
  () => {
    const wheel = new TimerWheel();
    const removed = new Alarm();
    const moved = new Alarm();
    const lap = 8 * 2048;
    const first = new Alarm(() => {
      wheel.remove(removed);
      wheel.add(moved, 80 + lap);
    });
    wheel.add(removed, 80);
    wheel.add(moved, 80);
    wheel.add(first, 80);
    wheel.advance(80);
    assertEquals([first, removed, moved].map(({ fired }) => fired.length), [
      1,
      0,
      0,
    ]);
    wheel.advance(80 + lap);
    assertEquals(moved.fired, [80 + lap]);
  },
);

Deno.test(
  "TimerWheel.add() removes an entry that is due at Infinity",
  pure,
  () => {
    const wheel = new TimerWheel();
    const alarm = new Alarm();
    wheel.add(alarm, 8);
    wheel.add(alarm, Infinity);
    assertEquals([wheel.size, wheel.wakeAt], [0, Infinity]);
  },
);

Deno.test(
  "TimerWheel.advance() expires all due entries after a long sleep",
  pure,
  () => {
    const wheel = new TimerWheel();
    const alarms = [10, 10_000, 20_000, 90_000].map((at) => {
      const alarm = new Alarm();
      wheel.add(alarm, at);
      return alarm;
    });
    wheel.advance(50_000);
    assertEquals(alarms.map(({ fired }) => fired.length), [1, 1, 1, 0]);
  },
);
