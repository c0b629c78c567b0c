/**
 * The parts that need no Deno, bundled and run by Node.js. Apart from the test
 * suite, which needs nothing but Deno: `deno task test:node`.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { runInNode } from "./run_in_node.ts";

const PROGRAMS = ["framing", "messages", "transport", "calls_in_memory"];

for (const program of PROGRAMS) {
  Deno.test(`programs/${program}.ts runs in Node.js`, async () => {
    const output = await runInNode(`tests/programs/${program}.ts`);
    assertEquals(output.split(" ")[0], "ok");
  });
}
