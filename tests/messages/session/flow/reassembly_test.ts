import { assertEquals } from "@std/assert";
import { Assembly } from "../../../../lib/messages/session/flow/reassembly.ts";
import { resolveLimits } from "../../../../lib/messages/session/wire/limits.ts";

const pure = { permissions: "none" } as const;
const limits = resolveLimits({
  maxMessage: 65536,
  maxMetadata: 0,
  maxFragments: 4,
  maxAssembly: 100_000,
});

Deno.test(
  "Assembly puts copies of the parts together, claims what they cost, and gives the budget back",
  pure,
  () => {
    const budget = { used: 0 };
    const assembly = new Assembly(budget, limits, () => {});
    const part = Uint8Array.of(1, 2);
    assertEquals(assembly.add(part), undefined);
    part.fill(9);
    assertEquals(assembly.add(Uint8Array.of(3)), undefined);
    assertEquals([budget.used, assembly.bytes], [0, 3]);
    assertEquals(assembly.claim(), undefined);
    assertEquals(assembly.claim(), undefined); // counted once
    assertEquals(budget.used, 3);
    assertEquals(assembly.finish(), Uint8Array.of(1, 2, 3));
    assertEquals(budget.used, 0);
    assembly.drop();
    assertEquals(budget.used, 0);
  },
);

Deno.test(
  "Assembly.add() says which bound a part breaks, and keeps nothing of it",
  pure,
  () => {
    const budget = { used: 0 };
    const assembly = new Assembly(budget, limits, () => {});
    assertEquals(assembly.add(new Uint8Array(65536 + 1025)), "too-large");
    for (let n = 0; n < 4; n++) {
      assertEquals(
        assembly.add(new Uint8Array()),
        undefined,
      );
    }
    assertEquals(assembly.add(new Uint8Array()), "too-many");
    const other = new Assembly(budget, limits, () => {});
    assertEquals(other.add(new Uint8Array(60_000)), undefined);
    assertEquals(other.claim(), undefined);
    const third = new Assembly(budget, limits, () => {});
    assertEquals(third.add(new Uint8Array(60_000)), undefined);
    assertEquals(third.claim(), "over-budget");
    assertEquals(budget.used, 60_000);
  },
);

Deno.test(
  "Assembly puts parts of all sizes together in their order",
  pure,
  () => {
    const sizes = [1, 0, 1023, 1024, 5, 4000, 700, 700, 900, 1000, 1000, 3, 2];
    const many = { ...limits, maxFragments: sizes.length };
    const assembly = new Assembly({ used: 0 }, many, () => {});
    const whole = sizes.flatMap((size, index) =>
      new Array<number>(size).fill(index)
    );
    let at = 0;
    for (const size of sizes) {
      const part = Uint8Array.from(whole.slice(at, at += size));
      assertEquals(assembly.add(part), undefined);
      part.fill(99);
    }
    assertEquals(assembly.bytes, whole.length);
    assertEquals(assembly.finish(), Uint8Array.from(whole));
  },
);
