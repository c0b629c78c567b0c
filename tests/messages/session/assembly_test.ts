import { assertEquals } from "@std/assert";
import { Assembly } from "../../../lib/messages/session/assembly.ts";
import { resolveLimits } from "../../../lib/messages/session/limits.ts";

const pure = { permissions: "none" } as const;
const limits = resolveLimits({
  maxMessage: 65536,
  maxMetadata: 0,
  maxFragments: 4,
  maxAssembly: 100_000,
});

Deno.test(
  "Assembly puts copies of the parts together and gives the budget back",
  pure,
  () => {
    const budget = { used: 0 };
    const assembly = new Assembly(budget, limits, () => {});
    const part = Uint8Array.of(1, 2);
    assertEquals(assembly.add(part), undefined);
    part.fill(9);
    assertEquals(assembly.add(Uint8Array.of(3)), undefined);
    assertEquals([budget.used, assembly.bytes], [3, 3]);
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
    const third = new Assembly(budget, limits, () => {});
    assertEquals(third.add(new Uint8Array(60_000)), "over-budget");
    assertEquals(budget.used, 60_000);
  },
);
