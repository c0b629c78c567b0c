import { assertEquals } from "@std/assert";
import { exampleOf, typeText } from "../../lib/cli/schema_text.ts";
import type { Json } from "../../lib/cli/values.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const text = { type: "string" };
const root = {
  $defs: { "a/b~c": text, list: { type: "array", items: { $ref: "#" } } },
  type: "object",
  properties: {
    name: { $ref: "#/$defs/a~1b~0c" },
    none: { $ref: "#/$defs/missing" },
    other: { $ref: "other.json" },
  },
};

const CASES: readonly [schema: unknown, type: string, example: Json][] = [
  [text, "string", ""],
  [{ type: "boolean" }, "boolean", false],
  [{ type: "null" }, "null", null],
  [{ type: "number" }, "number", 0],
  [{ type: "integer", minimum: 5 }, "number", 5],
  [{ type: "integer", minimum: "5" }, "number", 0],
  [{ type: "date" }, "unknown", null],
  [{}, "unknown", null],
  [true, "unknown", null],
  [undefined, "unknown", null],
  [{ type: ["string", "null"] }, "string | null", ""],
  [{ type: ["null", "null"] }, "null", null],
  [{ type: [] }, "never", null],
  [{ const: 7 }, "7", 7],
  [{ const: { a: 1 } }, "unknown", { a: 1 }],
  [{ const: null }, "null", null],
  [{ const: true }, "true", true],
  [{ enum: ["a", "b", 1] }, '"a" | "b" | 1', "a"],
  [{ enum: [] }, "never", null],
  [{ anyOf: [text, { type: "number" }] }, "string | number", ""],
  [{ oneOf: [{ type: "number" }, text] }, "number | string", 0],
  [{ anyOf: [] }, "never", null],
  [{ anyOf: "no list", type: "string" }, "string", ""],
  [{ allOf: [text, { const: "a" }] }, 'string & "a"', ""],
  [{ allOf: [] }, "unknown", null],
  [{ allOf: "no list", type: "string" }, "string", ""],
  [{ type: "string", default: "d" }, "string", "d"],
  [{ type: "string", examples: ["e"], default: "d" }, "string", "e"],
  [{ type: "string", examples: [], default: "d" }, "string", "d"],
  [{ type: "array" }, "unknown[]", []],
  [{ type: "array", items: text }, "string[]", [""]],
  [
    { type: "array", items: { anyOf: [text, { type: "null" }] } },
    "Array<string | null>",
    [""],
  ],
  [{ type: "array", prefixItems: [text, {}] }, "[string, unknown]", []],
  [{ type: "object" }, "Record<string, unknown>", {}],
  [{ type: "object", properties: [] }, "Record<string, unknown>", {}],
  [
    { type: "object", additionalProperties: text },
    "Record<string, string>",
    {},
  ],
  [
    { type: "object", additionalProperties: true },
    "Record<string, unknown>",
    {},
  ],
  [
    {
      properties: { a: text, "b-c": {}, $d: { type: "null" } },
      required: ["a"],
    },
    '{ a: string; "b-c"?: unknown; $d?: null }',
    { a: "", "b-c": null, $$d: null },
  ],
  [
    { type: "object", properties: { a: text }, required: "a" },
    "{ a?: string }",
    { a: "" },
  ],
  [
    root,
    "{ name?: string; none?: unknown; other?: unknown }",
    { name: "", none: null, other: null },
  ],
];

Deno.test("typeText() and exampleOf() read every kind of schema", none, () => {
  for (const [schema, type, example] of CASES) {
    const given = JSON.stringify(schema);
    assertEquals(typeText(schema), type, given);
    assertEquals(exampleOf(schema), example, given);
  }
});

/** Returns a schema of arrays within each other. */
function nested(depth: number): unknown {
  return depth === 0 ? text : { type: "array", items: nested(depth - 1) };
}

Deno.test("typeText() and exampleOf() read 12 levels", none, () => {
  const levels = (value: Json): number =>
    Array.isArray(value) ? 1 + levels(value[0]) : 0;
  assertEquals(
    typeText(nested(11)),
    `${"Array<".repeat(10)}string[]${">".repeat(10)}`,
  );
  assertEquals(
    typeText(nested(12)),
    `${"Array<".repeat(11)}unknown[]${">".repeat(11)}`,
  );
  for (const depth of [11, 12, 20]) {
    const example = exampleOf(nested(depth));
    assertEquals(levels(example), Math.min(depth, 12));
    const leaf = JSON.stringify(example).replaceAll(/[[\]]/g, "");
    assertEquals(leaf, depth < 12 ? '""' : "null");
  }
  const endless = { type: "array", items: { $ref: "#" } };
  assertEquals(typeText(endless).match(/unknown/g)?.length, 1);
  assertEquals(levels(exampleOf(endless)), 6); // a reference is a level, too
});

Deno.test("typeText() and exampleOf() read 1,000 parts", none, () => {
  const wide = (count: number) => ({
    type: "object",
    properties: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`p${i}`, text]),
    ),
  });
  assertEquals(typeText(wide(999)).includes("unknown"), false);
  assertEquals(typeText(wide(1000)).match(/unknown/g)?.length, 1);
  const counted = (count: number) =>
    Object.values(exampleOf(wide(count)) ?? {}).filter((each) => each === "")
      .length;
  assertEquals([counted(999), counted(1000)], [999, 999]);
});
