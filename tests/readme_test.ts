/**
 * The figures and lists of README.md are those of their sources.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { entryPoints } from "./exports/list.ts";

/** Text of a document in one line, because lines are wrapped. */
function flat(path: string): string {
  return Deno.readTextFileSync(path).replace(/\s+/g, " ");
}

/** Part of a document from a heading to the next heading of its level. */
function section(path: string, heading: string): string {
  const [marks = ""] = heading.split(" ", 1);
  const [, rest = ""] = Deno.readTextFileSync(path).split(`${heading}\n`);
  return rest.split(`\n${marks} `)[0] ?? "";
}

const README = flat("README.md");

Deno.test("README.md names the calls per second of the table of peers", () => {
  const table = section(
    "tests/bench/README.md",
    "### Unary calls, 64 in flight",
  );
  const calls = (peer: string) => {
    const row = table.split("\n").find((row) => row.startsWith(`| ${peer}`));
    return row?.split("|")[3]?.trim().split(" ")[0] ?? `no row for ${peer}`;
  };
  for (
    const text of [
      `${calls("Lengthwise")} calls a second with 64 in flight`,
      `A hand-written loop over \`Deno.Conn\` makes ${calls("bare")}`,
      `Socket.IO ${calls("Socket.IO")}`,
      `capnweb ${calls("capnweb")}`,
      `tRPC ${calls("tRPC")}`,
    ]
  ) assertStringIncludes(README, text);
});

Deno.test("README.md names the number of attacks of the table", () => {
  const table = section("lib/messages/README.md", "## Attacks");
  const rows = table.split("\n").filter((line) => line.startsWith("| "));
  assertStringIncludes(README, `${rows.length - 2} attacks on a server`);
});

Deno.test("README.md and the list of guides name the number of questions", () => {
  const questions = Deno.readTextFileSync("lib/guides/how_do_i.md")
    .split("\n").filter((line) => line.startsWith("### "));
  assert(questions.length >= 30);
  assertStringIncludes(README, `one of ${questions.length} [questions]`);
  assertStringIncludes(
    flat("lib/guides/README.md"),
    `${questions.length} questions`,
  );
});

Deno.test("README.md lists every entry point but the codecs of pages", () => {
  const listed = [...README.matchAll(/\| `(@lengthwise\/lengthwise[^`]*)` \|/g)]
    .map(([, name]) => name);
  const entries = entryPoints()
    .map(([name]) => `@lengthwise/lengthwise${name.slice(1)}`)
    .filter((name) => !/\/(json|msgpack)$/.test(name));
  assertEquals(listed.toSorted(), entries.toSorted());
});

Deno.test("lib/guides/README.md lists every guide", () => {
  const list = Deno.readTextFileSync("lib/guides/README.md");
  for (const { name } of Deno.readDirSync("lib/guides")) {
    if (name !== "README.md") assertStringIncludes(list, `(${name})`);
  }
});
