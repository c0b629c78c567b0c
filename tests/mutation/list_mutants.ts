/**
 * Writes all mutants of `lib/` to the file that `MUTANTS` names. `deno test`
 * runs this program, because only it can parse.
 *
 * @module
 */
import { type Mutant, mutantsOf } from "./mutants.ts";

function filesOf(folder: string): string[] {
  const entries = [...Deno.readDirSync(folder)];
  return entries.flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesOf(path);
    return name.endsWith(".ts") ? [path] : [];
  }).sort();
}

Deno.test("writes the mutants", () => {
  const mutants: Mutant[] = filesOf("lib").flatMap((path) =>
    mutantsOf(path, Deno.readTextFileSync(path))
  );
  Deno.writeTextFileSync(Deno.env.get("MUTANTS")!, JSON.stringify(mutants));
});
