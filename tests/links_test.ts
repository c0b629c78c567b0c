/**
 * Relative links in the documents lead to files and headings that exist.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { entryPoints } from "./exports/list.ts";
import { deadLinks } from "./release/links.ts";

Deno.test("deadLinks() finds missing files and headings", () => {
  const documents = new Map([
    [
      "a/one.md",
      "# One\n\n[b](../two.md#a-heading-with-code) [self](#one)\n" +
      "[gone](gone.md) [no heading](../two.md#other)\n[web](https://a.b/#c)\n" +
      "`[code](x.md)`\n\n```md\n[block](y.md)\n```\n",
    ],
    ["two.md", "## A heading, with `code`\n\n[folder](a/)\n"],
  ]);
  assertEquals(deadLinks(documents, (path) => path === "a/"), [
    "a/one.md: gone.md",
    "a/one.md: ../two.md#other",
  ]);
});

Deno.test("links between documents lead somewhere", () => {
  const texts = new Map(
    documents().map((path) => [path, Deno.readTextFileSync(path)]),
  );
  assertEquals(deadLinks(texts, exists), []);
});

/** Paths of the documents of the package and of this folder's root. */
function documents(): string[] {
  const root = [...Deno.readDirSync(".")].map(({ name }) => name);
  return [...root, ...filesIn("lib")].filter((path) => path.endsWith(".md"));
}

function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory ? filesIn(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}

Deno.test("links of entry points lead somewhere from the root", () => {
  const texts = new Map(
    documents().map((path) => [path, Deno.readTextFileSync(path)]),
  );
  // JSR resolves `/lib/…` from the root of the package, or of its repository.
  for (const [, path] of entryPoints()) {
    const [doc = ""] = Deno.readTextFileSync(path).split("*/", 1);
    texts.set(path.slice("./".length), doc.replace(/^ \* ?/gm, ""));
  }
  assertEquals(deadLinks(texts, exists), []);
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
