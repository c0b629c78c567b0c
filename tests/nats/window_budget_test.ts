import { assert, assertEquals } from "@std/assert";
import { WindowBudget } from "../../lib/nats/window_budget.ts";

const pure = { permissions: "none" } as const;
const KIB = 1024;

Deno.test("a window that is read is doubled up to the most", pure, () => {
  const budget = new WindowBudget(8 * KIB * KIB, 256 * KIB);
  let window = budget.open() ?? 0;
  const sizes = [window];
  for (let n = 0; n < 6; n++) {
    window = budget.next(window, window / 2);
    sizes.push(window);
  }
  assertEquals(
    sizes.map((size) => size / KIB),
    [8, 16, 32, 64, 128, 256, 256],
  );
  budget.release(window);
  assertEquals(budget.used, 0);
});

Deno.test(
  "while more than half is used, windows become smaller, and new ones find room",
  pure,
  () => {
    const total = 1_024 * KIB;
    const budget = new WindowBudget(total, 256 * KIB);
    const windows: number[] = [];
    const add = () => {
      const window = budget.open();
      if (window !== undefined) windows.push(window);
      return window;
    };
    add();
    add();
    // Two readers get all that a window may have.
    for (let n = 0; n < 10; n++) {
      for (const at of [0, 1]) {
        windows[at] = budget.next(windows[at]!, windows[at]! / 2);
      }
    }
    assertEquals(windows, [256 * KIB, 256 * KIB]);
    // Others come: each gets the least, and none is doubled.
    while (add() !== undefined) {
      const at = windows.length - 1;
      windows[at] = budget.next(windows[at]!, windows[at]! / 2);
      windows[0] = budget.next(windows[0]!, windows[0]! / 2);
      assertEquals(budget.used, windows.reduce((sum, each) => sum + each, 0));
      assert(budget.used <= total);
    }
    assertEquals(windows[0], 8 * KIB);
    assert(windows.length > 64, `${windows.length} connections`);
    assertEquals(Math.min(...windows), 8 * KIB);
  },
);
