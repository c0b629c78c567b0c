import { assertEquals } from "@std/assert";
import { type } from "arktype";
import * as v from "valibot";
import * as z from "zod";
import {
  isRecord,
  jsonSchemaOf,
} from "../../../lib/messages/schema/json_schema.ts";
import type { StandardSchema } from "../../../lib/messages/schema/standard_schema.ts";

function offering(jsonSchema: unknown): StandardSchema {
  const standard = {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) => ({ value }),
    jsonSchema,
  };
  return { "~standard": standard };
}

Deno.test("jsonSchemaOf() returns the JSON Schema of zod and arktype", {
  permissions: "none",
}, () => {
  for (
    const schema of [
      z.object({ sku: z.string(), count: z.number().optional() }),
      type({ sku: "string", "count?": "number" }),
    ]
  ) {
    const { $schema, ...rest } = jsonSchemaOf(schema, "input")!;
    assertEquals($schema, "https://json-schema.org/draft/2020-12/schema");
    assertEquals(rest, {
      type: "object",
      properties: { sku: { type: "string" }, count: { type: "number" } },
      required: ["sku"],
    });
  }
});

Deno.test("jsonSchemaOf() distinguishes the input and the output of a schema", {
  permissions: "none",
}, () => {
  for (
    const schema of [
      z.object({ count: z.number().default(1) }),
      type({ count: "number = 1" }),
    ]
  ) {
    assertEquals(jsonSchemaOf(schema, "input")!["required"] ?? [], []);
    assertEquals(jsonSchemaOf(schema, "output")!["required"], ["count"]);
  }
});

Deno.test(
  "jsonSchemaOf() describes bytes, dates and bigints as any value",
  {
    permissions: "none",
  },
  () => {
    for (
      const schema of [
        z.object({ a: z.date(), b: z.instanceof(Uint8Array), c: z.bigint() }),
        type({ a: "Date", b: "TypedArray.Uint8", c: "bigint" }),
      ]
    ) {
      assertEquals(jsonSchemaOf(schema, "input")!["properties"], {
        a: {},
        b: {},
        c: {},
      });
    }
  },
);

Deno.test("jsonSchemaOf() returns undefined if a library has no JSON Schema", {
  permissions: "none",
}, () => {
  assertEquals(jsonSchemaOf(v.string(), "input"), undefined);
  const others: unknown[] = [undefined, null, 1, [], {}, { input: 1 }];
  for (const jsonSchema of others) {
    assertEquals(jsonSchemaOf(offering(jsonSchema), "input"), undefined);
  }
  for (const described of [null, "x", true, [], undefined]) {
    const schema = offering({ input: () => described });
    assertEquals(jsonSchemaOf(schema, "input"), undefined);
  }
});

Deno.test(
  "jsonSchemaOf() returns undefined if a library cannot convert a schema",
  {
    permissions: "none",
  },
  () => {
    const schema = offering({
      input: () => {
        throw new Error("Cannot be described");
      },
    });
    assertEquals(jsonSchemaOf(schema, "input"), undefined);
  },
);

Deno.test("isRecord() distinguishes objects from arrays and other values", {
  permissions: "none",
}, () => {
  for (const value of [{}, Object.create(null)]) {
    assertEquals(isRecord(value), true);
  }
  for (const value of [null, undefined, [], 1, "x"]) {
    assertEquals(isRecord(value), false);
  }
});
