/**
 * Each entry point loads alone, without permissions, and is documented.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  committedNames,
  documentationOf,
  entryPoints,
} from "./exports/list.ts";

/** Kinds of `deno doc` that are gone at run time. */
const ERASED = ["interface", "typeAlias", "interface+typeAlias"];

/** Runs a file, or a program's text, without permissions, for its output. */
async function run(program: { file: string } | { text: string }) {
  const input = "text" in program ? program.text : "";
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--frozen", "--no-prompt"].concat(
      "file" in program ? program.file : "-",
    ),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  await new Blob([input]).stream().pipeTo(child.stdin);
  const { code, stdout, stderr } = await child.output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

const GROUPED = [
  ...[".", "./transport", "./framing", "./testing", "./types"],
  ...["./observe", "./introspection", "./health", "./operations"],
];

for (const entry of GROUPED) {
  Deno.test(`"${entry}" groups its names by category`, async () => {
    const path = Object.fromEntries(entryPoints())[entry]!; // listed above
    const symbols = (await documentationOf(path)).flatMap((each) =>
      each.symbols
    );
    const without = symbols.filter(({ declarations }) =>
      !declarations.some(({ jsDoc }) =>
        jsDoc?.tags?.some(({ kind }) => kind === "category")
      )
    );
    assertEquals(without.map(({ name }) => name), []);
  });
}

for (const [entry, path] of entryPoints()) {
  Deno.test(`"${entry}" has a summary, an example and a link to a document`, async () => {
    const [module] = await documentationOf(path);
    const { doc = "", tags = [] } = module?.module_doc ?? {};
    assert(doc, `${path} has no summary`);
    assert(tags.some(({ kind }) => kind === "example"), `${path}: no example`);
    if (entry === "./types") return; // no text continues it
    const all = doc + tags.map(({ doc }) => doc ?? "").join("");
    assertMatch(all, /\]\(\/lib\/[\w/]+\.md(#[\w-]+)?\)/, path);
  });

  const specifier = `@lengthwise/lengthwise${entry.slice(1)}`;
  Deno.test(`"${specifier}" loads alone and has its committed names`, async () => {
    const text = `import * as all from "${specifier}";
      console.log(JSON.stringify(Object.keys(all)));`;
    const loaded: string[] = JSON.parse(await run({ text }));
    assertEquals(loaded.sort(), committedValues(entry));
  });
}

for (
  const program of ["framing", "messages", "transport", "calls_in_memory"]
) {
  Deno.test(`programs/${program}.ts works with no permission`, async () => {
    assertMatch(await run({ file: `tests/programs/${program}.ts` }), /^ok\b/m);
  });
}

/** Names of an entry point in the committed list that exist at run time. */
function committedValues(entry: string): string[] {
  return committedNames(entry).filter(([kind]) => !ERASED.includes(kind))
    .map(([, name]) => name).sort();
}
