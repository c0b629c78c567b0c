/**
 * `deno task test` runs every test file once.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { partOf, PARTS, testsIn } from "./suite/parts.ts";

Deno.test("each part of the suite has tests and a module that imports them", () => {
  const parts = Object.keys(PARTS).toSorted();
  const modules = [...Deno.readDirSync("tests/suite")].map(({ name }) => name)
    .filter((name) => name !== "parts.ts");
  assertEquals(modules.toSorted(), parts.map((part) => `${part}.ts`));
  const used = new Set(testsIn("").map(partOf));
  assertEquals([...used].toSorted(), parts);
});
