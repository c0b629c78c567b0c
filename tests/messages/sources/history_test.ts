import { assertEquals } from "@std/assert";
import { History, ITEM_CHARGE } from "../../../lib/messages/sources/history.ts";

const pure = { permissions: "none" } as const;

function history(bounds: Partial<History<string>["bounds"]>): History<string> {
  return new History(
    { epoch: 1, number: 0 },
    { items: Infinity, bytes: Infinity, age: Infinity, ...bounds },
  );
}

/** Adds items of a size; returns how many are kept. */
function add(kept: History<string>, count: number, size = 0, now = 0): number {
  for (let n = 0; n < count; n++) kept.add(kept.head + 1, "x", size, now);
  return kept.length;
}

Deno.test("History keeps no more items than its bounds allow", pure, () => {
  assertEquals(add(history({ items: 3 }), 10), 3);
  assertEquals(add(history({ bytes: 3 * (ITEM_CHARGE + 9) }), 10, 9), 3);
  assertEquals(add(history({ bytes: 3 * (ITEM_CHARGE + 9) }), 10, 10), 2);
  const aging = history({ age: 100 });
  for (let now = 0; now < 1_000; now += 10) add(aging, 1, 0, now);
  assertEquals(aging.length, 11); // of the last 100 ms
});

Deno.test("History keeps its newest item, however large it is", pure, () => {
  for (const bounds of [{ items: 0 }, { bytes: 0 }]) {
    const kept = history(bounds);
    assertEquals(add(kept, 3, 1_000), 1);
    assertEquals(kept.after(2)?.number, 3);
    assertEquals([kept.head, kept.floor], [3, 2]);
  }
});

Deno.test("History holds exactly what it charges", pure, () => {
  const kept = history({ items: 4 });
  for (let n = 1; n <= 100; n++) {
    add(kept, 1, n);
    const sizes = [n - 3, n - 2, n - 1, n].filter((size) => size > 0);
    assertEquals(
      kept.bytes,
      sizes.reduce((sum, size) => sum + size + ITEM_CHARGE, 0),
    );
  }
});

Deno.test("History drops every item that is too old", pure, () => {
  const kept = history({ age: 100 });
  add(kept, 5);
  kept.expire(100);
  assertEquals(kept.length, 5);
  kept.expire(101);
  assertEquals([kept.length, kept.bytes, kept.head, kept.floor], [0, 0, 5, 5]);
  assertEquals(kept.after(0), undefined);
  add(kept, 1, 0, 101);
  assertEquals(kept.after(0)?.number, 6);
});

Deno.test("History finds the first item above any number", pure, () => {
  const kept = history({ items: 6 });
  for (let number = 10; number <= 100; number += 10) {
    kept.add(number, "x", 0, 0);
    for (let after = 0; after <= 110; after++) {
      const oldest = Math.max(10, number - 50);
      const expected = Math.max(oldest, 10 * (Math.floor(after / 10) + 1));
      assertEquals(
        kept.after(after)?.number,
        expected <= number ? expected : undefined,
      );
    }
  }
  assertEquals(
    [0, 1, 3, 6, 7, Infinity].map((count) => kept.beforeNewest(count)),
    [100, 99, 79, 49, 49, 49],
  );
});
