import { assert, assertEquals } from "@std/assert";
import {
  BUDGET_SECONDS,
  RetryBudget,
} from "../../../lib/messages/client/retry_budget.ts";

/** Takes from the budget until it is used up; returns the number taken. */
function takeAll(budget: RetryBudget, now: number): number {
  let taken = 0;
  while (taken < 100_000 && budget.take(now)) taken++;
  return taken;
}

Deno.test("a quiet client may send perSecond calls again per second", () => {
  const budget = new RetryBudget({ perSecond: 10, ratio: 0.1 });
  assertEquals(takeAll(budget, 5_000), 10 * BUDGET_SECONDS);
  assert(!budget.take(5_999));
});

Deno.test("successes of the last ten seconds raise the budget by their ratio", () => {
  const budget = new RetryBudget({ perSecond: 0, ratio: 0.1 });
  assert(!budget.take(0));
  for (let count = 0; count < 1_000; count++) budget.succeeded(1_000);
  assertEquals(takeAll(budget, 2_000), 100);
  assert(!budget.take(10_999));
  assert(!budget.take(11_000)); // the successes are too long ago
});

Deno.test("retries are forgotten after ten seconds", () => {
  const budget = new RetryBudget({ perSecond: 1, ratio: 0 });
  assertEquals(takeAll(budget, 500), 10);
  assertEquals(takeAll(budget, 9_999), 0);
  assertEquals(takeAll(budget, 10_000), 10);
});

Deno.test("a pause of an hour leaves no more than the floor", () => {
  const budget = new RetryBudget({ perSecond: 2, ratio: 0.5 });
  for (let count = 0; count < 50; count++) budget.succeeded(1_000);
  assertEquals(takeAll(budget, 3_600_000), 20);
});
