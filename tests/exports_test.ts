/**
 * Each entry point loads alone, without permissions, and works.
 *
 * Each exports exactly the names in `exports/names.txt`.
 *
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { documentationOf, entryPoints, listExports } from "./exports/list.ts";

const COMMITTED = "tests/exports/names.txt";

/** Most names of each entry point: a wider one is harder to learn. */
const MOST_NAMES: Readonly<Record<string, number>> = {
  ".": 70,
  "./browser": 25,
  "./json": 1,
  "./msgpack": 2,
  "./transport": 40,
  "./framing": 35,
  "./framing/presets": 20,
  "./introspection": 17,
  "./observe": 30,
  "./health": 12,
  "./operations": 13,
  "./http": 4,
  "./otel": 4,
  "./node": 1,
  "./testing": 15,
  "./types": 145,
  "./cli": 5,
};

/** Names that two entry points have for two things, one on each layer. */
const SAME_NAME: Readonly<Record<string, string[]>> = {
  connect: [".", "./transport"],
  ConnectOptions: [".", "./transport"],
};

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

Deno.test("the exported names are the committed ones", async () => {
  const names = await listExports();
  if (names === Deno.readTextFileSync(COMMITTED)) return;
  throw new Error(
    `The exported names have changed. If that is meant, accept it with\n\n` +
      `  deno task --quiet exports > ${COMMITTED}\n\nThe new list:\n\n${names}`,
  );
});

Deno.test("each entry point has no more names than it may", () => {
  for (const [entry, most] of Object.entries(MOST_NAMES)) {
    const count = committedNames(entry).length;
    assert(count > 0 && count <= most, `"${entry}": ${count} of ${most} names`);
  }
  assertEquals(
    Object.keys(MOST_NAMES),
    entryPoints().map(([entry]) => entry),
  );
});

for (const entry of [".", "./transport", "./framing", "./testing"]) {
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

/** Entries for small bundles, which have names of other entries. */
const SMALL = ["./browser", "./json", "./msgpack"];

Deno.test("entries for small bundles have the same things as the main entry", async () => {
  const main: Record<string, unknown> = await import("@lengthwise/lengthwise");
  for (const entry of SMALL) {
    const specifier = `@lengthwise/lengthwise${entry.slice(1)}`;
    const small: Record<string, unknown> = await import(specifier);
    const other = Object.keys(small).filter((name) =>
      name in main && small[name] !== main[name]
    );
    assertEquals(other, entry === "./browser" ? ["createClient"] : []);
  }
});

Deno.test("each name has one address", () => {
  const addresses = new Map<string, string[]>();
  for (const [entry] of entryPoints()) {
    if (SMALL.includes(entry)) continue;
    for (const [, name] of committedNames(entry)) {
      addresses.set(name, [...addresses.get(name) ?? [], entry]);
    }
  }
  const twice = [...addresses].filter(([, entries]) => entries.length > 1);
  assertEquals(Object.fromEntries(twice), SAME_NAME);
});

for (const [entry, path] of entryPoints()) {
  Deno.test(`"${entry}" has a summary, an example and a link to a README`, async () => {
    const [module] = await documentationOf(path);
    const { doc = "", tags = [] } = module?.module_doc ?? {};
    assert(doc, `${path} has no summary`);
    assert(tags.some(({ kind }) => kind === "example"), `${path}: no example`);
    if (entry === "./types") return; // no text continues it
    const all = doc + tags.map(({ doc }) => doc ?? "").join("");
    assertMatch(all, /`lib\/\w+\/README\.md`/, path);
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

/** Names of an entry point in the committed list, with their kinds. */
function committedNames(entry: string): [kind: string, name: string][] {
  const section = Deno.readTextFileSync(COMMITTED).split("# ")
    .find((section) => section.startsWith(`${entry}\n`));
  return (section ?? "").split("\n").slice(1).filter((line) => line !== "")
    .map((line) => line.split(" ") as [kind: string, name: string]);
}

/** Names of an entry point in the committed list that exist at run time. */
function committedValues(entry: string): string[] {
  return committedNames(entry).filter(([kind]) => !ERASED.includes(kind))
    .map(([, name]) => name).sort();
}
