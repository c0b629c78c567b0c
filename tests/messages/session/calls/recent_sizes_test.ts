import { assertEquals } from "@std/assert";
import { RecentSizes } from "../../../../lib/messages/session/calls/recent_sizes.ts";

const UNKNOWN = { first: 500, least: 100 } as const;

const pure = { permissions: "none" } as const;

Deno.test(
  "largest() returns the largest size of one to two periods",
  pure,
  () => {
    const sizes = new RecentSizes(100);
    assertEquals(sizes.largest(3, 0), undefined);
    sizes.record(3, 70, 0);
    sizes.record(3, 9, 50);
    assertEquals([sizes.largest(3, 99), sizes.largest(2, 99)], [70, undefined]);
    sizes.record(3, 8, 120); // the second period
    assertEquals(sizes.largest(3, 199), 70);
    assertEquals(sizes.largest(3, 220), 8);
    assertEquals(sizes.largest(3, 320), undefined);
  },
);

Deno.test("largest() forgets everything after a long pause", pure, () => {
  const sizes = new RecentSizes(100);
  sizes.record(0, 5, 10);
  assertEquals(sizes.largest(0, 10_000), undefined);
});

Deno.test(
  "expected() prefers a session's own sizes to those of others",
  pure,
  () => {
    const all = new RecentSizes(1000);
    const mine = new RecentSizes(100, all);
    const other = new RecentSizes(100, all);
    assertEquals(mine.expected(1, UNKNOWN, 0), 500);
    other.record(1, 40, 0);
    assertEquals(mine.expected(1, UNKNOWN, 0), 40);
    mine.record(1, 7, 0);
    assertEquals(mine.expected(1, UNKNOWN, 0), 7);
    assertEquals(mine.expected(1, UNKNOWN, 200), 40);
  },
);

Deno.test(
  "a session's large messages do not raise what others expect",
  pure,
  () => {
    const all = new RecentSizes(1000);
    new RecentSizes(100, all).record(1, 4_000_000, 0);
    assertEquals(new RecentSizes(100, all).expected(1, UNKNOWN, 0), 500);
  },
);

Deno.test(
  "expected() halves an unknown size while handlers run",
  pure,
  () => {
    const sizes = new RecentSizes(1000);
    const expected = (now: number) => sizes.expected(1, UNKNOWN, now);
    assertEquals([expected(0), expected(1000)], [500, 500]); // none was entered
    sizes.tried(1, 1000);
    sizes.tried(1, 1060);
    assertEquals([1063, 1064, 1128, 1192, 9000].map(expected), [
      500,
      250,
      125,
      100,
      100,
    ]);
    sizes.record(1, 700, 9000);
    assertEquals([expected(9000), expected(20_000)], [700, 500]);
  },
);

Deno.test("a size is remembered for exactly two periods at most", pure, () => {
  const unknown = { first: 7, least: 7 };
  for (
    const [start, ms, size] of [
      ...[[0, 999, 5], [0, 1999, 5], [0, 2000, 7], [0, 1000, 5]],
      ...[[999, 1999, 5], [999, 2000, 7]],
    ]
  ) {
    const sizes = new RecentSizes(1000);
    sizes.record(0, 0, 0); // the first period begins at 0
    sizes.record(0, 5, start!);
    assertEquals(sizes.expected(0, unknown, ms!), size, `${start}, ${ms}`);
  }
  const sizes = new RecentSizes(1000);
  sizes.record(3, 0, 0);
  assertEquals([sizes.largestOfAny(3, 1), sizes.expected(3, unknown, 1)], [
    0,
    0,
  ]);
});
