import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { validate } from "../../../lib/messages/schema/standard_schema.ts";
import { isUnchecked, typed } from "../../../lib/messages/schema/typed.ts";

Deno.test(
  "typed() accepts any value unchanged",
  { permissions: "none" },
  () => {
    const value = { sku: "a" };
    assertStrictEquals(validate(typed<typeof value>(), value), value);
    assertEquals<unknown>(validate(typed<string>(), 1), 1);
  },
);

Deno.test("isUnchecked() distinguishes typed() from other schemas", {
  permissions: "none",
}, () => {
  assert(isUnchecked(typed<string>()));
  const own = { "~standard": { ...typed<string>()["~standard"] } };
  assert(!isUnchecked(own));
});
