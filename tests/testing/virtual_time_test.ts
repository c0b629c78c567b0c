import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { virtualTime } from "@lengthwise/lengthwise/testing";
import { threadTurns } from "../../lib/framing/stream/turn_queue.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "virtualTime() fires timers in order, each at its time",
  pure,
  async () => {
    using time = virtualTime();
    const fired: [name: string, at: number][] = [];
    const on = (name: string) => () => fired.push([name, performance.now()]);
    setTimeout(on("late"), 30);
    setTimeout(on("first"), 10);
    setTimeout(on("second"), 10);
    const every = setInterval(on("every"), 20);
    await time.advance(29);
    assertEquals(fired, [["first", 10], ["second", 10], ["every", 20]]);
    assertEquals([time.now, time.timers], [29, 2]);
    clearInterval(every);
    await time.advance(60_000);
    assertEquals(fired.slice(3), [["late", 30]]);
    assertEquals([time.now, time.timers], [60_029, 0]);
  },
);

Deno.test(
  "virtualTime() does the work that a timer causes before the next one",
  pure,
  async () => {
    using time = virtualTime();
    const log: string[] = [];
    setTimeout(async () => {
      for (let n = 0; n < 100; n++) await Promise.resolve();
      log.push("work");
      setTimeout(() => log.push("its timer"), 5);
    }, 10);
    setTimeout(() => log.push("next"), 16);
    await time.advance(100);
    assertEquals(log, ["work", "its timer", "next"]);
  },
);

Deno.test(
  "virtualTime() clears timers, also those of the real clock",
  pure,
  async () => {
    const real = setTimeout(() => {}, 60_000); // would leak
    const time = virtualTime();
    const timer = setTimeout(() => assert(false), 10);
    const before = setTimeout(() => {}, 5);
    clearTimeout(timer);
    clearTimeout(timer);
    clearTimeout(real);
    clearTimeout(undefined);
    await time.advance(20);
    clearTimeout(before);
    assertEquals(time.timers, 0);
    time[Symbol.dispose]();
    clearTimeout(timer); // has no effect on the real clock
  },
);

Deno.test("virtualTime() moves every clock of the runtime", pure, async () => {
  using time = virtualTime();
  const [date, epoch] = [new Date(), Date.now()];
  const signal = AbortSignal.timeout(1_000);
  await time.advance(3_600_000);
  assertEquals(Date.now() - epoch, 3_600_000);
  assertEquals(new Date().getTime() - date.getTime(), 3_600_000);
  assertEquals(new Date(5).getTime(), 5);
  assert(date instanceof Date);
  assertEquals(performance.now(), 3_600_000);
  assertEquals(performance.timeOrigin + performance.now(), Date.now());
  assertEquals(signal.reason.name, "TimeoutError");
});

Deno.test("virtualTime() seeds Math.random", pure, () => {
  const draw = (seed: number) => {
    using _time = virtualTime({ seed });
    return [Math.random(), Math.random()];
  };
  assertEquals(draw(5), draw(5));
  assert(draw(5)[0] !== draw(6)[0]);
});

Deno.test("virtualTime() restores the real clock", pure, () => {
  const names = ["setTimeout", "setInterval", "clearTimeout", "Date"] as const;
  const globals = () => [
    ...names.map((name) => globalThis[name]),
    performance.now,
    performance.timeOrigin,
    AbortSignal.timeout,
    Math.random,
  ];
  const before = globals();
  const time = virtualTime();
  assertThrows(() => virtualTime(), Error, "dispose the other");
  assertEquals(globals().filter((each, n) => each === before[n]), []);
  time[Symbol.dispose]();
  assertEquals(globals(), before);
});

Deno.test("run() advances until the work has settled", pure, async () => {
  using time = virtualTime();
  const sleep = (ms: number) =>
    new Promise<number>((resolve) => setTimeout(() => resolve(ms), ms));
  setTimeout(() => {}, 90_000);
  assertEquals(await time.run(sleep(50_000)), 50_000);
  assertEquals(time.now, 50_000);
  await assertRejects(
    () => time.run(Promise.reject(new Error("no"))),
    Error,
    "no",
  );
});

Deno.test(
  "run() rejects when nothing can settle the work any more",
  pure,
  async () => {
    using time = virtualTime();
    setTimeout(() => {}, 1_000);
    const lost = time.run(new Promise(() => {}));
    await assertRejects(
      () => lost,
      Error,
      "after 1000 ms, and no timer is left",
    );
  },
);

Deno.test(
  "run() rejects when the work takes longer than it may",
  pure,
  async () => {
    using time = virtualTime();
    const beat = setInterval(() => {}, 15_000); // as an open session has
    const never = new Promise(() => {});
    await assertRejects(() => time.run(never), Error, "within 3600000 ms");
    assertEquals(time.now, 3_600_000);
    const soon = time.run(never, { within: 20_000 });
    await assertRejects(() => soon, Error, "(option within)");
    const later = new Promise((resolve) => setTimeout(resolve, 7_200_000));
    await time.run(later, { within: 7_200_000 });
    clearInterval(beat);
    await assertRejects(
      () => time.run(never, { within: NaN }),
      RangeError,
      "NaN ms",
    );
  },
);

Deno.test(
  "advance() rejects with the error of a timer's function",
  pure,
  async () => {
    using time = virtualTime();
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }, 10);
    await assertRejects(() => time.advance(10), Error, "thrown in a timer");
    await assertRejects(() => time.advance(-1), RangeError, "-1 ms");
    await assertRejects(
      () => time.advance("5" as never), // as JavaScript passes it
      RangeError,
      "by 5 ms",
    );
  },
);

Deno.test(
  "no timer fires while connections wait for their turns",
  pure,
  async () => {
    const turns = threadTurns();
    turns.worked = 1_000; // in real time
    const log: string[] = [];
    using time = virtualTime();
    for (let ms = 1; ms <= 100; ms++) setTimeout(() => log.push("timer"), ms);
    const turn = turns.wait(false).then(() => log.push("turn"));
    await time.advance(100);
    await turn;
    assertEquals(log[0], "turn");
    assertEquals(log.length, 101);
  },
);
