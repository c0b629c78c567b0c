import { assertEquals } from "@std/assert";
import {
  describeKind,
  describePlace,
} from "../../../lib/messages/codec/describe_value.ts";
import { Account } from "./values.ts";

const PURE = { permissions: "none" } as const;

Deno.test(
  "describePlace() formats a path as a program would write it",
  PURE,
  () => {
    const cases: [(string | number)[], string][] = [
      [[], ""],
      [["a", 0, "b"], " at a[0].b"],
      [[3], " at [3]"],
      [["a b", "", "1x"], ` at ["a b"][""]["1x"]`],
      [["größe", "$", "_1"], " at größe.$._1"],
      [["x".repeat(65)], ` at ["${"x".repeat(64)}…"]`],
      [["a\n\u0000"], ` at ["a\\n\\u0000"]`],
    ];
    for (const [path, expected] of cases) {
      assertEquals(describePlace(path), expected);
    }
  },
);

Deno.test("describeKind() names a class and what to send instead", PURE, () => {
  assertEquals(
    describeKind(new Map()),
    "a Map (send Object.fromEntries(map) or [...map])",
  );
  assertEquals(describeKind(new Account()), "an Account (send a plain object)");
  assertEquals(
    describeKind(new Float32Array(1)),
    "a Float32Array (send its bytes as a Uint8Array, or a plain array)",
  );
  assertEquals(
    describeKind(Object.create({})),
    "an Object (it inherits from another object; send a copy: { ...object })",
  );
  assertEquals(
    describeKind(new (class {})()),
    "an object of an unknown class (send a plain object)",
  );
  assertEquals(
    describeKind(Object.create({ constructor: 1 })),
    "an object of an unknown class (send a plain object)",
  );
});
