import { assertEquals } from "@std/assert";
import { Reassembly } from "../../../../lib/messages/session/flow/reassembly.ts";
import { resolveSessionLimits } from "../../../../lib/messages/session/wire/limits.ts";

const pure = { permissions: "none" } as const;
const limits = resolveSessionLimits({
  maxMessage: 65536,
  maxMetadata: 0,
  maxFragments: 4,
  maxAssembly: 131_072,
});
const newBudget = () => ({ used: 0, limit: 100_000 });

Deno.test(
  "Reassembly copies and joins the parts, and claims and releases the budget",
  pure,
  () => {
    const budget = newBudget();
    const reassembly = new Reassembly(budget, limits, () => {});
    const part = Uint8Array.of(1, 2);
    assertEquals(reassembly.add(part), undefined);
    part.fill(9);
    assertEquals(reassembly.add(Uint8Array.of(3)), undefined);
    assertEquals([budget.used, reassembly.bytes], [0, 3]);
    assertEquals(reassembly.claim(), undefined);
    assertEquals(reassembly.claim(), undefined); // counted once
    assertEquals(budget.used, 3);
    assertEquals(reassembly.finish(), Uint8Array.of(1, 2, 3));
    assertEquals(budget.used, 0);
    reassembly.drop();
    assertEquals(budget.used, 0);
  },
);

Deno.test(
  "Reassembly.add() returns the bound that a part exceeds, and drops that part",
  pure,
  () => {
    const budget = newBudget();
    const reassembly = new Reassembly(budget, limits, () => {});
    assertEquals(reassembly.add(new Uint8Array(65536 + 1025)), "too-large");
    for (let n = 0; n < 4; n++) {
      assertEquals(
        reassembly.add(new Uint8Array()),
        undefined,
      );
    }
    assertEquals(reassembly.add(new Uint8Array()), "too-many");
    const other = new Reassembly(budget, limits, () => {});
    assertEquals(other.add(new Uint8Array(60_000)), undefined);
    assertEquals(other.claim(), undefined);
    const third = new Reassembly(budget, limits, () => {});
    assertEquals(third.add(new Uint8Array(60_000)), undefined);
    assertEquals(third.claim(), "over-budget");
    assertEquals(budget.used, 60_000);
  },
);

Deno.test(
  "Reassembly joins parts of all sizes in order",
  pure,
  () => {
    const sizes = [1, 0, 1023, 1024, 5, 4000, 700, 700, 900, 1000, 1000, 3, 2];
    const many = { ...limits, maxFragments: sizes.length };
    const reassembly = new Reassembly(newBudget(), many, () => {});
    const whole = sizes.flatMap((size, index) =>
      new Array<number>(size).fill(index)
    );
    let at = 0;
    for (const size of sizes) {
      const part = Uint8Array.from(whole.slice(at, at += size));
      assertEquals(reassembly.add(part), undefined);
      part.fill(99);
    }
    assertEquals(reassembly.bytes, whole.length);
    assertEquals(reassembly.finish(), Uint8Array.from(whole));
  },
);

Deno.test(
  "Reassembly.claim() lets one message alone exceed the budget",
  pure,
  () => {
    const budget = { used: 0, limit: 10 };
    const alone = new Reassembly(budget, limits, () => {});
    const other = new Reassembly(budget, limits, () => {});
    for (let n = 0; n < 2; n++) {
      alone.add(new Uint8Array(50));
      assertEquals(alone.claim(), undefined);
    }
    other.add(new Uint8Array(1));
    assertEquals([other.claim(), budget.used], ["over-budget", 100]);
    alone.drop();
    assertEquals([other.claim(), budget.used], [undefined, 1]);
  },
);

Deno.test(
  "Reassembly without a budget leaves its claim to the item budget",
  pure,
  () => {
    const item = new Reassembly(undefined, limits, () => {});
    item.add(new Uint8Array(50));
    assertEquals([item.claim(), item.claimed], [undefined, 0]);
    assertEquals([item.finish().length, item.claimed], [50, 0]);
  },
);
