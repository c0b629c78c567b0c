/**
 * Writes all mutants of `lib/` to the file that `MUTANTS` names. `deno test`
 * runs this program, because only it can parse.
 *
 * @module
 */
import { filesIn } from "./files.ts";
import { mutantsOf } from "./mutants.ts";

Deno.test("writes the mutants", () => {
  const mutants = filesIn("lib", ".ts").flatMap((path) =>
    mutantsOf(path, Deno.readTextFileSync(path))
  );
  Deno.writeTextFileSync(Deno.env.get("MUTANTS")!, JSON.stringify(mutants));
});
