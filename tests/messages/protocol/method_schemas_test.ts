import { assertEquals } from "@std/assert";
import * as v from "valibot";
import * as z from "zod";
import {
  duplex,
  unary,
} from "../../../lib/messages/protocol/method_builders.ts";
import { methodSchemas } from "../../../lib/messages/protocol/method_schemas.ts";

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
