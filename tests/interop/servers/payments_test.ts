import { assertEquals } from "@std/assert";
import { trial } from "./payments/trial.ts";

// Invariants 11 and 12, traps 19 to 24. `deno task payments` runs 10,000.
Deno.test("payments run at most once, and every outcome is delivered or maybe, under kills of clients and servers", async () => {
  const result = await trial({ payments: 400, crashes: 5, clientKills: 4 });
  console.log(JSON.stringify(result));
  assertEquals(result.violations, []);
  assertEquals(result.clientKills, 4);
  for (const [point, count] of Object.entries(result.crashes)) {
    assertEquals(count > 0, true, `a server has crashed between ${point}`);
  }
});
