import { assert, assertEquals, assertThrows } from "@std/assert";
import { seededRandom } from "../../lib/support/seeded_random.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test("seededRandom() repeats its numbers for the same seed", none, () => {
  const draw = (seed: number) => {
    const random = seededRandom(seed);
    return Array.from({ length: 100 }, random);
  };
  assertEquals(draw(7), draw(7));
  assert(draw(7)[0] !== draw(8)[0]);
  assert(draw(7).every((number) => number >= 0 && number < 1));
});

Deno.test("seededRandom() rejects seeds that are not integers", none, () => {
  for (const seed of [NaN, Infinity, 1.5]) {
    assertThrows(() => seededRandom(seed), RangeError, `seed ${seed}`);
  }
});
