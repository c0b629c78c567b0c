import { assertEquals } from "@std/assert";
import { sameBytes, sameValue } from "../../lib/testing/same_value.ts";
import { CARRIED } from "../messages/codec/values.ts";

const PURE = { permissions: "none" } as const;

Deno.test("sameValue() returns true for copies", PURE, () => {
  for (const value of CARRIED.slice(0, 60)) {
    assertEquals(sameValue(value, structuredClone(value)), true);
  }
  assertEquals(sameValue(-0, 0), true);
  assertEquals(sameValue(NaN, NaN), true);
  assertEquals(
    sameValue({ a: [new Date(1), new Uint8Array(2)] }, {
      a: [new Date(1), new Uint8Array(2)],
    }),
    true,
  );
});

Deno.test("sameValue() detects each difference", PURE, () => {
  const pairs: [unknown, unknown][] = [
    [1, 1n],
    [1, "1"],
    [null, undefined],
    [null, {}],
    [{ a: undefined }, {}],
    [{ a: undefined }, { b: undefined }],
    [[undefined], []],
    [[1], { 0: 1 }],
    [new Date(1), new Date(2)],
    [new Date(1), {}],
    [new Date(1), 1],
    [new Uint8Array(1), new Uint8Array(2)],
    [Uint8Array.of(1), Uint8Array.of(2)],
    [Uint8Array.of(1), [1]],
    [new Uint8Array(0), {}],
    [[[1]], [[2]]],
  ];
  for (const [one, other] of pairs) {
    assertEquals(sameValue(one, other), false);
    assertEquals(sameValue(other, one), false);
  }
});

Deno.test("sameBytes() compares length and content", PURE, () => {
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)), false);
  assertEquals(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false);
});
