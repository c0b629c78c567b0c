import { assertEquals } from "@std/assert";
import { CreditPool } from "../../../../lib/messages/session/flow/credit_pool.ts";

const pure = { permissions: "none" } as const;

Deno.test("take() takes what is left, here and in the parent", pure, () => {
  const parent = new CreditPool(100);
  const one = new CreditPool(80, parent);
  const other = new CreditPool(80, parent);
  assertEquals([one.take(60), one.take(60)], [60, 20]);
  assertEquals([other.take(80), other.left, parent.left], [20, 60, 0]);
  one.give(80);
  assertEquals([one.left, parent.left, other.take(80)], [80, 80, 60]);
});

Deno.test("take() takes nothing while it is paused", pure, () => {
  const pool = new CreditPool(100);
  pool.paused = true;
  assertEquals([pool.take(10), pool.left], [0, 100]);
  pool.paused = false;
  assertEquals(pool.take(10), 10);
});

Deno.test("detach() returns everything to the parent once", pure, () => {
  const parent = new CreditPool(100);
  const pool = new CreditPool(80, parent);
  pool.take(50);
  pool.give(10);
  pool.detach();
  assertEquals(parent.left, 100);
  pool.give(40);
  pool.detach();
  assertEquals([parent.left, pool.left], [100, 80]);
});
