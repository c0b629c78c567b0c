import { assertEquals, assertThrows } from "@std/assert";
import {
  classOf,
  lengthOf,
  timeOf,
} from "../../../lib/messages/codec/intrinsics.ts";

const PURE = { permissions: "none" } as const;

Deno.test("classOf() cannot be misled by a value", PURE, () => {
  assertEquals(classOf(new Uint8Array(1)), "Uint8Array");
  assertEquals(
    classOf(new (class Mine extends Uint8Array {})(1)),
    "Uint8Array",
  );
  assertEquals(
    classOf(Object.setPrototypeOf(new Int8Array(1), Uint8Array.prototype)),
    "Int8Array",
  );
  for (
    const value of [
      { [Symbol.toStringTag]: "Uint8Array" },
      new DataView(new ArrayBuffer(1)),
      [],
    ]
  ) {
    assertEquals(classOf(value), undefined);
  }
});

Deno.test("lengthOf() returns the real length", PURE, () => {
  const value = Object.defineProperty(new Uint8Array(3), "byteLength", {
    value: 9,
  });
  assertEquals(lengthOf(value), 3);
  assertThrows(() => lengthOf({ byteLength: 3 }), TypeError);
});

Deno.test(
  "timeOf() returns the time and calls no method of the value",
  PURE,
  () => {
    assertEquals(timeOf(Object.assign(new Date(5), { getTime: () => 6 })), 5);
    assertThrows(() => timeOf(Object.create(Date.prototype)), TypeError);
  },
);
