/**
 * Some runs that check the invariants of resumption; `deno task simulate:resume`
 * makes more, cuts links after every byte, and plants faults.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { MUTANTS } from "./resume_mutants.ts";
import { runAll } from "./resume_runs.ts";

Deno.test(
  "resumed sessions keep their invariants",
  { permissions: "none" },
  () => {
    const { failures, occurred } = runAll(3);
    assertEquals(failures, []);
    for (const [name, count] of Object.entries(occurred)) {
      assert(count > 0, `no ${name}`); // the runs would be worth nothing
    }
  },
);

Deno.test("each planted fault of resumption changes one place", () => {
  for (const { file, from } of MUTANTS) {
    const text = Deno.readTextFileSync(`lib/messages/${file}`);
    assertEquals(text.split(from).length, 2, `${file}: ${from}`);
  }
});
