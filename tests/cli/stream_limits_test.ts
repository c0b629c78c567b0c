import { assertEquals, assertThrows } from "@std/assert";
import { CliError } from "../../lib/cli/errors.ts";
import type { Io } from "../../lib/cli/io.ts";
import { StopTimers, streamLimits } from "../../lib/cli/stream_limits.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** A clock whose waits end with `end()`, or when they are aborted. */
function clock() {
  const waits: { ms: number; end: () => void; aborted: () => boolean }[] = [];
  const wait: Io["wait"] = (ms, signal) =>
    new Promise((resolve) => {
      waits.push({ ms, end: resolve, aborted: () => signal?.aborted ?? false });
      signal?.addEventListener("abort", () => resolve());
    });
  // Only this function is used.
  return { io: { wait } as Io, waits };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("streamLimits() reads flags", none, () => {
  assertEquals(streamLimits({}), {
    count: Infinity,
    wait: undefined,
    time: undefined,
  });
  assertEquals(streamLimits({ count: "2", wait: "5s", for: "1m" }), {
    count: 2,
    wait: 5000,
    time: 60_000,
  });
  assertThrows(() => streamLimits({ count: "0" }), CliError);
});

Deno.test("StopTimers stops after a pause without items", none, async () => {
  const { io, waits } = clock();
  let stops = 0;
  const limits = { count: 1, wait: 10, time: undefined };
  const timers = new StopTimers(limits, io, () => stops++);
  timers.restart();
  await turn();
  assertEquals(waits.map(({ ms, aborted }) => [ms, aborted()]), [
    [10, true],
    [10, false],
  ]);
  assertEquals([timers.stopped, stops], [false, 0]);
  waits[1]!.end();
  await turn();
  assertEquals([timers.stopped, stops], [true, 1]);
  timers.restart(); // it has stopped
  assertEquals(waits.length, 2);
  timers.clear();
});

Deno.test("StopTimers stops after the whole time", none, async () => {
  const { io, waits } = clock();
  let stops = 0;
  const limits = { count: 1, wait: undefined, time: 100 };
  const timers = new StopTimers(limits, io, () => stops++);
  timers.restart();
  assertEquals(waits.map(({ ms }) => ms), [100]);
  waits[0]!.end();
  await turn();
  assertEquals([timers.stopped, stops], [true, 1]);
});

Deno.test(
  "StopTimers.clear() ends both timers without a stop",
  none,
  async () => {
    const { io, waits } = clock();
    let stops = 0;
    const limits = { count: 1, wait: 10, time: 100 };
    const timers = new StopTimers(limits, io, () => stops++);
    timers.clear();
    await turn();
    assertEquals(waits.map(({ aborted }) => aborted()), [true, true]);
    assertEquals([timers.stopped, stops], [false, 0]);
  },
);
