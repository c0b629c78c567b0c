import { assertEquals } from "@std/assert";
import { DigitStrings } from "../../../lib/messages/codec/digit_strings.ts";

const PURE = { permissions: "none" } as const;

function collide(count: number, index: (position: number) => number): boolean {
  const strings = new DigitStrings();
  strings.begin();
  for (let position = 0; position < count; position++) {
    strings.add(index(position));
  }
  return strings.collide;
}

Deno.test("DigitStrings finds indices with equal lower bits", PURE, () => {
  assertEquals(collide(100, (position) => position * 65_536), true);
  assertEquals(
    collide(300_000, (position) => position * 65_536 % 4_294_967_291),
    true,
  );
});

Deno.test("DigitStrings accepts indices that spread", PURE, () => {
  assertEquals(collide(0, () => 7), false);
  assertEquals(collide(64, () => 7), false);
  assertEquals(collide(300_000, (position) => 1e9 + position), false);
  assertEquals(collide(10_000, (position) => position * 1000), false);
  assertEquals(
    collide(300_000, (position) => Math.imul(position, 0x9e3779b1) >>> 0),
    false,
  );
});

Deno.test("DigitStrings accepts 8 strings in a bucket", PURE, () => {
  // The first 64 strings are not counted.
  const index = (position: number) => position < 64 ? 0 : position << 16;
  assertEquals(collide(64 + 8, index), false);
  assertEquals(collide(64 + 9, index), true);
});

Deno.test("begin() forgets the strings of the body before", PURE, () => {
  const strings = new DigitStrings();
  for (let count = 0; count < 1000; count++) strings.add(7);
  assertEquals(strings.collide, true);
  strings.begin();
  for (let count = 0; count < 1000; count++) strings.add(count);
  assertEquals(strings.collide, false);
});
