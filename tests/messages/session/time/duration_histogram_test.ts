import { assert, assertEquals } from "@std/assert";
import { DurationHistogram } from "../../../../lib/messages/session/time/duration_histogram.ts";

const pure = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "DurationHistogram has no percentiles without durations",
  pure,
  () => {
    assertEquals(new DurationHistogram().figures(), {
      ...{ count: 0, p50: 0, p90: 0, p99: 0, max: 0 },
    });
  },
);

Deno.test(
  "DurationHistogram is exact to 6 % from 1 µs to half an hour",
  pure,
  () => {
    for (let ms = 0.001; ms < 2_000_000; ms *= 1.37) {
      const histogram = new DurationHistogram();
      histogram.add(ms);
      histogram.add(10 * 2_000_000); // so that the longest does not bound p50
      const { p50 } = histogram.figures();
      assert(Math.abs(p50 - ms) <= Math.max(ms / 16, 0.0005), `${ms}: ${p50}`);
    }
  },
);

Deno.test("DurationHistogram ranks durations", pure, () => {
  const histogram = new DurationHistogram();
  for (let ms = 1; ms <= 1000; ms++) histogram.add(ms);
  const { count, p50, p90, p99, max } = histogram.figures();
  assertEquals([count, max], [1000, 1000]);
  const near = (value: number, exact: number) =>
    assert(Math.abs(value - exact) <= exact / 16, `${value} for ${exact}`);
  near(p50, 500);
  near(p90, 900);
  near(p99, 990);
});

Deno.test(
  "DurationHistogram takes durations of 0 and beyond its buckets",
  pure,
  () => {
    const histogram = new DurationHistogram();
    for (const ms of [0, 0, -1]) histogram.add(ms);
    assertEquals(histogram.figures().p99, 0);
    for (let count = 0; count < 4; count++) histogram.add(1e12);
    const { p99, max } = histogram.figures();
    assertEquals(max, 1e12);
    assert(p99 > 1_900_000 && p99 <= max, `${p99}`);
  },
);
