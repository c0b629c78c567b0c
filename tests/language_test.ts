/**
 * Comments, strings and documents follow the rules of CONTRIBUTING.md,
 * "Language", as far as patterns can find violations.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import {
  proseOfMarkdown,
  proseOfSource,
  violations,
} from "./language/rules.ts";

/** Lines of violations in a TypeScript text. */
function found(text: string): string[] {
  return violations("a.ts", proseOfSource("a.ts", text)).map((violation) =>
    violation.split(": ").slice(0, 2).join(": ")
  );
}

Deno.test("violations() finds patterns in comments, strings and documents", () => {
  const noun = "a sentence begins with a headless What or Who";
  assertEquals(found("/** Sent.\n * What has come. */\nf();"), [
    `a.ts:2: ${noun}`,
  ]);
  assertEquals(found("// It waits. Who\n// leaves is dropped.\nf();"), [
    `a.ts:1: ${noun}`,
  ]);
  assertEquals(found("/** What is it? */\nf();"), []);
  assertEquals(found('throw new Error("a key is none");'), [
    'a.ts:1: write "is not a valid …"',
  ]);
  assertEquals(found("f(`${a} is none`);"), [
    'a.ts:1: write "is not a valid …"',
  ]);
  assertEquals(found("/**\n * It is in\n * front of it.\n */\nf();"), [
    'a.ts:2: write "before"',
  ]);
  assertEquals(found("/** Sends.\n *\n * @param a What it is\n */\nf();"), [
    `a.ts:3: ${noun}`,
  ]);
  assertEquals(found('f("/ nobody");').length, 1);
  assertEquals(found('import "./behind.ts"; const behind = nobody;'), []);
  assertEquals(found("/** `is none` */\nf();"), []);
  assertEquals(found("// behind a proxy\nf();"), []);
  const markdown = (text: string) => violations("a.md", proseOfMarkdown(text));
  assertEquals(markdown("```\nbehind\n```\n\nbehind it").length, 1);
  for (const start of ["# ", "# Title\n\n", "```\nf();\n```\n\n", "- "]) {
    assertEquals(markdown(`${start}What has come`).length, 1, start);
  }
});

Deno.test("violations() limits the first sentence of JSDoc to 12 words", () => {
  const words = (n: number) => Array(n).fill("word").join(" ");
  assertEquals(found(`/** ${words(12)}. ${words(20)}. */\nf();`), []);
  assertEquals(found(`/** ${words(13)}. */\nf();`).length, 1);
  assertEquals(found(`/** @throws ${words(13)}. */\nf();`), []);
  assertEquals(found(`// ${words(13)}.\nf();`), []);
  const inTest = proseOfSource("tests/a.ts", `/** ${words(13)}. */\nf();`);
  assertEquals(violations("tests/a.ts", inTest), []);
});

Deno.test("comments, strings and documents are in plain English", () => {
  const all = files(".").flatMap((path) => {
    const text = Deno.readTextFileSync(path);
    return violations(
      path,
      path.endsWith(".md") ? proseOfMarkdown(text) : proseOfSource(path, text),
    );
  });
  if (all.length > 0) {
    throw new Error(`${all.length} violation(s):\n  ${all.join("\n  ")}`);
  }
});

/** Returns the files with prose, except for these rules and their examples. */
function files(root: string): string[] {
  const all = ["mod.ts", "lib", "examples", "tests", ...documents(root)];
  return all.flatMap(walk).filter((path) => !path.startsWith("tests/language"));
}

function documents(root: string): string[] {
  return [...Deno.readDirSync(root)].filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => name);
}

function walk(path: string): string[] {
  if (/\.(ts|md)$/.test(path)) return [path];
  if (!Deno.statSync(path).isDirectory) return [];
  return [...Deno.readDirSync(path)].map(({ name }) => `${path}/${name}`)
    .flatMap((path) =>
      Deno.statSync(path).isDirectory || /\.(ts|md)$/.test(path)
        ? walk(path)
        : []
    );
}
