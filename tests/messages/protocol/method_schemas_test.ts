import { assertEquals } from "@std/assert";
import * as v from "valibot";
import * as z from "zod";
import {
  duplex,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import {
  methodSchemas,
  readSchemas,
  schemasText,
} from "../../../lib/messages/protocol/method_schemas.ts";

Deno.test(
  "methodSchemas() describes values on the wire: inputs before, outputs after validation",
  {
    permissions: "none",
  },
  () => {
    const count = z.object({ count: z.number().default(1) });
    const { input, output, opening, errors } = methodSchemas(
      duplex({
        input: count,
        output: count,
        opening: count,
        errors: { e: count },
      }),
    );
    assertEquals(input!["required"] ?? [], []);
    assertEquals(opening!["required"] ?? [], []);
    assertEquals(output!["required"], ["count"]);
    assertEquals(errors["e"]!["required"], ["count"]);
  },
);

Deno.test("methodSchemas() returns null for unknown schemas", {
  permissions: "none",
}, () => {
  const errors = { closed: null, late: v.string() };
  const schemas = methodSchemas(unary({ input: v.string(), errors }));
  assertEquals({ ...schemas, errors: { ...schemas.errors } }, {
    input: null,
    output: null,
    opening: null,
    errors: { closed: null, late: null },
  });
  assertEquals(Object.getPrototypeOf(schemas.errors), null);
  assertEquals({ ...methodSchemas(unary()).errors }, {});
});

Deno.test("readSchemas() reads the text of schemasText()", {
  permissions: "none",
}, () => {
  const schemas = methodSchemas(unary({
    input: z.object({ sku: z.string().describe("not for peers") }),
    errors: { closed: null, late: z.number() },
  }));
  const text = schemasText({
    ...schemas,
    output: { type: "integer", examples: [1n] }, // JSON has no bigint
  });
  const read = readSchemas(text);
  assertEquals({ ...read, errors: { ...read?.errors } }, {
    input: {
      properties: { sku: { type: "string" } },
      required: ["sku"],
      type: "object",
    },
    output: { type: "integer" },
    opening: null,
    errors: { closed: null, late: { type: "number" } },
  });
  assertEquals(Object.getPrototypeOf(read?.errors), null);
  assertEquals(schemasText(methodSchemas(unary())), new Uint8Array());
});

Deno.test("readSchemas() ignores invalid text", {
  permissions: "none",
}, () => {
  const read = (text: string) => readSchemas(new TextEncoder().encode(text));
  const none = { input: null, output: null, opening: null };
  for (const text of ["", "null", "[]", "{", '"x"', "\ufeff{}"]) {
    assertEquals(read(text), undefined, text);
  }
  assertEquals(read(`{"input":${"[".repeat(30_000)}`), undefined);
  assertEquals(read('{"__proto__":{}}'), undefined);
  for (const text of ["{}", '{"input":3,"errors":[1],"output":"x"}']) {
    const { errors, ...rest } = read(text)!;
    assertEquals([rest, { ...errors }], [none, {}], text);
  }
});
