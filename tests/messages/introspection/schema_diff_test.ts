import { assertEquals } from "@std/assert";
import { schemaDifferences } from "../../../lib/messages/introspection/schema_diff.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants
const ends = { caller: "client", callee: "server" } as const;

Deno.test(
  "schemaDifferences() is never empty for schemas that differ",
  none,
  () => {
    const a = { type: "string" };
    const one = { type: "object", properties: { a }, required: ["a"] };
    // These have the same fields: "b" is required, but is not described.
    const other = { ...one, required: ["a", "b"] };
    const found = (first: object, second: object) =>
      schemaDifferences("input", { ...first }, { ...second }, ends);
    assertEquals(found(one, other), ["input changed"]);
    assertEquals(found({ ...one, properties: [] }, { ...one, properties: 7 }), [
      "input changed",
    ]);
    assertEquals(found(one, { ...one, required: ["a"] }), []);
    assertEquals(schemaDifferences("input", null, other, ends), []);
    assertEquals(schemaDifferences("input", one, null, ends), []);
  },
);
