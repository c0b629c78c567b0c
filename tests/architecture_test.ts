/**
 * The rules of CONTRIBUTING.md, "Rules held by tests": each rule finds what it
 * forbids, and the library follows it.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import * as rules from "./architecture/rules.ts";
import {
  parseSource,
  readSource,
  type SourceFile,
} from "./architecture/source.ts";

const sources = read("lib", "mod.ts");
const tests: ReadonlySet<string> = new Set(walk("tests"));

function obeys(violations: string[]): void {
  if (violations.length > 0) {
    throw new Error(
      `${violations.length} violation(s):\n  ${violations.join("\n  ")}`,
    );
  }
}

function each(rule: (file: SourceFile) => string[]): string[] {
  return [...sources.values()].flatMap(rule);
}

function catches(
  rule: (file: SourceFile) => string[],
  path: string,
  text: string,
  expected: number[],
): void {
  const lines = rule(parseSource(path, text)).map((violation) =>
    Number(violation.slice(path.length + 1).split(":")[0])
  );
  assertEquals(lines, expected, `${path}: ${text}`);
}

function all(files: Record<string, string>): rules.Sources {
  return new Map(
    Object.entries(files).map((
      [path, text],
    ) => [path, parseSource(path, text)]),
  );
}

Deno.test("layering() rejects imports up the ranks, out of lib and of transport's values", () => {
  const { layering } = rules;
  catches(layering, "lib/transport/a.ts", `import "../framing/b.ts";`, [1]);
  catches(layering, "lib/framing/a.ts", `\nimport "../messages/b.ts";`, [2]);
  catches(layering, "lib/framing/a.ts", `import "../transport/b.ts";`, [1]);
  catches(
    layering,
    "lib/framing/a.ts",
    `import { type B } from "../transport/b.ts";`,
    [1],
  );
  catches(
    layering,
    "lib/framing/a.ts",
    `import type { B } from "../transport/b.ts";`,
    [],
  );
  const errors = "lib/messages/errors/a.ts";
  catches(layering, errors, `import "../../../mod.ts";`, [1]);
  catches(layering, errors, `import "../../../tests/a.ts";`, [1]);
  catches(layering, errors, `import "../../transport/b.ts";`, []);
  catches(layering, errors, `import "@std/bytes";`, []);
  catches(layering, errors, `import "@lengthwise/lengthwise/testing";`, [1]);
  catches(layering, errors, `import "./b.ts";`, []);
  catches(layering, errors, `import "../support/b.ts";`, []);
  catches(layering, errors, `import "../codec/b.ts";`, [1]);
  const time = "lib/messages/session/time/a.ts";
  catches(layering, time, `import "../wire/b.ts";`, [1]);
  catches(layering, time, `import "../session.ts";`, [1]);
  catches(layering, "lib/messages/session/a.ts", `import "./time/b.ts";`, []);
  catches(layering, "lib/transport/a.ts", `import "./connect.ts";`, [1]);
  catches(layering, "lib/fourth/a.ts", "", [1]);
  catches(layering, "lib/messages/fourth.ts", "", [1]);
  catches(layering, "lib/messages/session/fourth/a.ts", "", [1]);
});

Deno.test("imports go down the ranks only", () => {
  obeys(each(rules.layering));
});

Deno.test("staleEntries() finds listed files and folders that are gone", () => {
  const rest = new Map(sources);
  rest.delete("lib/types.ts");
  rest.delete("lib/framing/stream/pump.ts");
  assertEquals(rules.staleEntries(rest), [
    "lib/types.ts: is listed but does not exist",
    "lib/framing/stream/pump.ts: is listed but does not exist",
  ]);
});

Deno.test("the rules list only files and folders that exist", () => {
  obeys(rules.staleEntries(sources));
});

Deno.test("denoOnlyInTransport() sees code and types, not comments and strings", () => {
  const rule = rules.denoOnlyInTransport;
  catches(rule, "lib/framing/a.ts", `\nDeno.cwd();`, [2]);
  catches(rule, "lib/framing/a.ts", `type A = Deno.Conn;`, [1]);
  catches(rule, "lib/framing/a.ts", `globalThis.Deno;`, [1]);
  catches(rule, "lib/framing/a.ts", `// Deno.cwd()\n"Deno.cwd";`, []);
  catches(rule, "lib/transport/a.ts", `Deno.cwd();`, []);
});

Deno.test("only the transport layer mentions Deno", () => {
  obeys(each(rules.denoOnlyInTransport));
});

Deno.test("noNodeAtLoad() lets functions import node:", () => {
  const rule = rules.noNodeAtLoad;
  catches(rule, "lib/transport/a.ts", `import "node:tls";`, [1]);
  catches(rule, "lib/transport/a.ts", `export * from "node:tls";`, [1]);
  catches(rule, "lib/transport/a.ts", `await import("node:tls");`, [1]);
  catches(rule, "lib/transport/a.ts", `import type { A } from "node:tls";`, []);
  catches(
    rule,
    "lib/transport/a.ts",
    `async function f() { await import("node:tls"); }`,
    [],
  );
  catches(rule, "lib/node/a.ts", `import "node:net";`, []);
});

Deno.test("no module outside lib/node/ imports node: when it loads", () => {
  obeys(each(rules.noNodeAtLoad));
});

Deno.test("noUsing() rejects using and await using", () => {
  const rule = rules.noUsing;
  catches(rule, "lib/transport/a.ts", `using a = b;`, [1]);
  catches(rule, "lib/transport/a.ts", `\n{ await using a = b; }`, [2]);
  catches(rule, "lib/transport/a.ts", `const using = 1;`, []);
});

Deno.test("no module has syntax that Node.js 22 cannot parse", () => {
  obeys(each(rules.noUsing));
});

Deno.test("noSecureContext() rejects what pages on plain http lack", () => {
  const rule = rules.noSecureContext;
  catches(rule, "lib/messages/a.ts", `\nconst a = crypto.randomUUID();`, [2]);
  catches(rule, "lib/messages/a.ts", `await crypto.subtle.digest(a, b);`, [1]);
  catches(rule, "lib/messages/a.ts", `crypto.getRandomValues(a);`, []);
  catches(rule, "lib/messages/a.ts", `// crypto.randomUUID()`, []);
});

Deno.test("no module needs a secure context", () => {
  obeys(each(rules.noSecureContext));
});

Deno.test("modOnlyReExports() rejects code in a mod.ts", () => {
  const rule = rules.modOnlyReExports;
  catches(rule, "lib/framing/mod.ts", `export * from "./a.ts";`, []);
  catches(rule, "lib/framing/mod.ts", `export const a = 1;\nf();`, [1, 2]);
  catches(rule, "lib/framing/a.ts", `export const a = 1;`, []);
});

Deno.test("each mod.ts only re-exports", () => {
  obeys(each(rules.modOnlyReExports));
});

Deno.test("noJunkDrawer() rejects folders and files without a purpose", () => {
  catches(rules.noJunkDrawer, "lib/framing/util/a.ts", "", [1]);
  catches(rules.noJunkDrawer, "lib/framing/common.ts", "", [1]);
  catches(rules.noJunkDrawer, "lib/framing/utility_pole.ts", "", []);
});

Deno.test("there is no junk drawer", () => {
  obeys(each(rules.noJunkDrawer));
});

Deno.test("purity() follows imports and names the effect", () => {
  const rule = (files: Record<string, string>) =>
    rules.purity(all(files)).map((found) => found.split(":", 3).join(":"));
  for (
    const [code, what] of [
      ["Date.now()", "Date.now"],
      ["new Date()", "new Date()"],
      ["Math.random()", "Math.random"],
      ["crypto.randomUUID()", "crypto"],
      ["performance.now()", "performance"],
      ["setTimeout(f, 1)", "setTimeout"],
      ["AbortSignal.timeout(1)", "AbortSignal.timeout"],
      ["Promise.resolve()", "Promise"],
      ["async () => {}", "async"],
    ]
  ) {
    const path = "lib/framing/a.ts";
    assertEquals(rule({ [path]: code! }), [`${path}:1: ${what}`]);
    assertEquals(rule({ "lib/transport/a.ts": code! }), []);
    assertEquals(rule({ "lib/framing/stream/frame_stream.ts": code! }), []);
  }
  assertEquals(
    rule({
      "lib/messages/session/a.ts": `import "../b.ts";`,
      "lib/messages/b.ts": `import "../framing/stream/frame_stream.ts";`,
      "lib/framing/stream/frame_stream.ts": `await 1;`,
    }),
    ["lib/framing/stream/frame_stream.ts:1: await"],
  );
  assertEquals(rule({ "lib/framing/a.ts": "new Date(0); x.crypto;" }), []);
});

Deno.test("framing, codecs and the session are pure", () => {
  obeys(rules.purity(sources));
});

Deno.test("smallInBrowsers() follows the imports of values", () => {
  const rule = (code: string, files: Record<string, string> = {}) =>
    rules.smallInBrowsers(
      all({ "lib/browser/a.ts": code, ...files }),
      "lib/browser/a.ts",
    )
      .map((found) => found.split(": ")[0]);
  const tcp = { "lib/transport/tcp.ts": "" };
  assertEquals(rule(`\nimport "../transport/tcp.ts";`, tcp), [
    "lib/browser/a.ts:2",
  ]);
  assertEquals(rule(`import type { A } from "../transport/tcp.ts";`, tcp), []);
  assertEquals(rule(`import("../transport/tcp.ts");`, tcp), [
    "lib/browser/a.ts:1",
  ]);
  assertEquals(rule(`import "msgpackr";`), ["lib/browser/a.ts:1"]);
  assertEquals(rule(`import("node:tls");`), ["lib/browser/a.ts:1"]);
  assertEquals(
    rule(`import "./b.ts";`, {
      "lib/browser/b.ts": `\n\nimport "../transport/tcp.ts";`,
      ...tcp,
    }),
    ["lib/browser/b.ts:3"],
  );
});

Deno.test("the entry for browsers loads no sockets, no server and no codec", () => {
  obeys(rules.smallInBrowsers(sources, "lib/browser/mod.ts"));
});

Deno.test("noCycles() follows type imports too", () => {
  assertEquals(
    rules.noCycles(all({
      "lib/a.ts": `import "./b.ts";`,
      "lib/b.ts": `import type { A } from "./a.ts";`,
      "lib/c.ts": `import "./a.ts";`,
    })),
    ["lib/a.ts:1: import cycle lib/a.ts → lib/b.ts → lib/a.ts"],
  );
});

Deno.test("there are no import cycles", () => {
  obeys(rules.noCycles(sources));
});

Deno.test("noOrphans() finds files that no entry point reaches", () => {
  const files = all({
    "mod.ts": `export * from "./lib/a.ts";`,
    "lib/a.ts": `import type { B } from "./b.ts";`,
    "lib/b.ts": "",
    "lib/c.ts": `import "./a.ts";`,
  });
  assertEquals(rules.noOrphans(files, ["mod.ts"]), [
    "lib/c.ts:1: no entry point reaches it",
  ]);
});

Deno.test("every file is reachable from an entry point", () => {
  const { exports } = JSON.parse(Deno.readTextFileSync("deno.json"));
  const entryPoints = Object.values<string>(exports).map((path) =>
    path.replace("./", "")
  );
  obeys(rules.noOrphans(sources, entryPoints));
});

Deno.test("eachFolderHasItsTests() names folders without a test", () => {
  const files = all({
    "lib/framing/mod.ts": `export * from "./a/b.ts";`,
    "lib/framing/types/a.ts": `export interface A { a: string }`,
    "lib/framing/a/b.ts": `export const a = 1;`,
  });
  const rule = (tests: string[]) =>
    rules.eachFolderHasItsTests(files, new Set(tests));
  const missing = ["lib/framing/a/: has no test in tests/framing/a/"];
  assertEquals(rule(["tests/framing/a/c_test.ts"]), []);
  assertEquals(rule(["tests/framing/a/c.ts"]), missing);
  assertEquals(rule(["tests/framing/c_test.ts"]), missing);
});

Deno.test("each source folder has its test folder", () => {
  obeys(rules.eachFolderHasItsTests(sources, tests));
});

Deno.test("testsMirrorFolders() rejects other folders and private names", () => {
  const files = all({ "lib/framing/a/b.ts": `f();` });
  const rule = (path: string) =>
    rules.testsMirrorFolders(files, new Set([path])).length;
  assertEquals(rule("tests/framing/a/b_test.ts"), 0);
  assertEquals(rule("tests/framing/a/programs/c.ts"), 0);
  assertEquals(rule("tests/framing/c/b_test.ts"), 1);
  assertEquals(rule("tests/framing/a/_c.ts"), 1);
  assertEquals(rule("tests/examples/c_test.ts"), 0);
});

Deno.test("tests mirror the folders of the library", () => {
  obeys(rules.testsMirrorFolders(sources, tests));
});

function read(...roots: string[]): rules.Sources {
  const paths = roots.flatMap((root) => walk(root));
  return new Map(paths.sort().map((path) => [path, readSource(path)]));
}

/** Paths of the TypeScript files at or under a path. */
function walk(path: string): string[] {
  if (path.endsWith(".ts")) return [path];
  return [...Deno.readDirSync(path)].flatMap(({ name, isDirectory }) =>
    isDirectory || name.endsWith(".ts") ? walk(`${path}/${name}`) : []
  );
}
