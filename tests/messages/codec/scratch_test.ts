import { assert, assertEquals, assertNotStrictEquals } from "@std/assert";
import { giveBack, take } from "../../../lib/messages/codec/scratch.ts";

const PURE = { permissions: "none" } as const;

Deno.test("take() gives what was given back, to one at a time", PURE, () => {
  const first = take(100);
  const second = take(100);
  assertNotStrictEquals(first.buffer, second.buffer);
  giveBack(second);
  assert(take(100) === second);
});

Deno.test(
  "take() gives enough, and giveBack() keeps nothing large",
  PURE,
  () => {
    giveBack(new Uint8Array(10));
    assert(take(11).length >= 11);
    const large = take(5 * 1024 * 1024);
    assert(large.length >= 5 * 1024 * 1024);
    giveBack(large);
    assert(take(1).length < 1024 * 1024);
  },
);

Deno.test(
  "take() does not clear: who takes it writes what it sends",
  PURE,
  () => {
    const used = take(8).fill(7);
    giveBack(used);
    assertEquals(take(8)[0], 7);
  },
);
