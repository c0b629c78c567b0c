/**
 * The mutants of small sources, and the order in which they are drawn.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { draw, testsOf } from "./draw.ts";
import { linesOf } from "./line_coverage.ts";
import { type Mutant, mutantsOf, mutated } from "./mutants.ts";

/** Returns the operator and the whole text of each mutant. */
function all(text: string): [string, string][] {
  return mutantsOf("lib/x.ts", text).map((mutant) => [
    mutant.operator,
    mutated(text, mutant),
  ]);
}

Deno.test("mutantsOf() moves the bounds of comparisons", () => {
  assertEquals(all("const x = a < b;"), [
    ["comparison", "const x = a < (b) + 1;"],
    ["comparison", "const x = a < (b) - 1;"],
  ]);
  assertEquals(all("const x = a === 4;"), [
    ["comparison", "const x = a === 5;"],
  ]);
  assertEquals(all('const x = a === "4"; type T = Array<4>;'), []);
});

Deno.test("mutantsOf() removes statements and clean-up", () => {
  assertEquals(all("a(); b.c = 1;"), [
    ["statement", "; b.c = 1;"],
    ["statement", "a(); ;"],
  ]);
  assertEquals(all("function f() { return; }"), [
    ["statement", "function f() { ; }"],
  ]);
  assertEquals(all("function f() { throw e; }").length, 1);
  assertEquals(all("for (;;) break;"), [["statement", "for (;;) ;"]]);
  for (
    const text of [
      "clearTimeout(t);",
      "this.#timer?.close();",
      "x.removeListener(y);",
      "delete a.b;",
      "this.#held = undefined;",
    ]
  ) assertEquals(all(text), [["clean-up", ";"]]);
  assertEquals(all("try { a; } finally { b; }").at(-2), [
    "clean-up",
    "try { a; } finally {}",
  ]);
});

Deno.test("mutantsOf() negates conditions, and swaps branches", () => {
  assertEquals(all("if (a) {}"), [["condition", "if (!(a)) {}"]]);
  assertEquals(all("while (a) {}"), [["condition", "while (!(a)) {}"]]);
  assertEquals(all("if (a) {} else { }"), [["branch", "if (a) { } else {}"]]);
  assertEquals(all("const x = a ? b : c;"), [
    ["branch", "const x = a ? c : b;"],
  ]);
  assertEquals(
    all("const x = a && b;"),
    [["branch", "const x = (a)||(b);"]]
      .map(([operator, text]) => [operator!, text!.replace("||", " || ")]),
  );
});

Deno.test("mutantsOf() drops await, and leaves text and comments alone", () => {
  assertEquals(all("const x = await a;"), [["await", "const x = a;"]]);
  for (
    const text of [
      "async function f() { return await a; }",
      "const f = async () => await a;",
      "async function f() { if (a) return await b; }",
      "async function f() { try { a; } catch { return await b; } }",
    ]
  ) assertEquals(all(text).filter(([operator]) => operator === "await"), []);
  assertEquals(
    all("async function f() { try { return await a; } catch {} }"),
    [["await", "async function f() { try { return a; } catch {} }"]],
  );
  assertEquals(
    all("async function f() { try {} catch { return await a; } finally { b } }")
      .filter(([operator]) => operator === "await").length,
    1,
  );
  assertEquals(all('/* a < b; */ const x = "if (a) b();"; // await c;'), []);
  const [mutant] = mutantsOf("lib/x.ts", '"é…𝄞";\n\na();').slice(-1);
  assertEquals(mutant?.line, 3);
});

Deno.test("draw() returns one mutant of each line, and repeats itself", () => {
  const mutants = [1, 1, 1, 2, 3, 4, 5].map((line, start): Mutant => (
    { path: "lib/x.ts", line, start, end: 9, operator: "branch", text: "" }
  ));
  const drawn = draw(mutants, 7);
  assertEquals(drawn.map(({ line }) => line).sort(), [1, 2, 3, 4, 5]);
  assertEquals(draw(mutants, 7), drawn);
  const orders = new Set(
    Array.from(
      { length: 20 },
      (_, seed) => draw(mutants, seed).map(({ start }) => start).join(),
    ),
  );
  assertEquals(orders.size > 10, true);
});

Deno.test("testsOf() returns the tests of a line, the closest and quickest first", () => {
  const lines = { "lib/a/x.ts": "4-7 9" };
  const coverage = [
    { path: "tests/a/y_test.ts", ms: 4, lines },
    { path: "tests/b/slow_test.ts", ms: 90_000, lines },
    { path: "tests/b/x_test.ts", ms: 3, lines },
    { path: "tests/a/x_test.ts", ms: 2, lines },
    { path: "tests/a/b/y_test.ts", ms: 1, lines },
    { path: "tests/b/slower_test.ts", ms: 119_000, lines },
    { path: "tests/a/z_test.ts", ms: 1, lines: { "lib/a/x.ts": "8 10-12" } },
    { path: "tests/a/w_test.ts", ms: 1, lines: {} },
  ];
  const of = (line: number) =>
    testsOf(
      {
        path: "lib/a/x.ts",
        line,
        start: 0,
        end: 1,
        operator: "await",
        text: "",
      },
      coverage,
    ).map((group) => group.map(({ path }) => path));
  const expected = [
    ["tests/a/x_test.ts"],
    ["tests/a/y_test.ts"],
    ["tests/a/b/y_test.ts", "tests/b/x_test.ts", "tests/b/slow_test.ts"],
  ];
  assertEquals([4, 6, 7, 9].map(of), [expected, expected, expected, expected]);
  assertEquals([8, 12].map(of), [[["tests/a/z_test.ts"]], [[
    "tests/a/z_test.ts",
  ]]]);
  assertEquals([3, 13].map(of), [[], []]);
});

Deno.test("linesOf() returns the lines that were run", () => {
  const lcov = "SF:/tmp/mutation_1/lib/a/x.ts\nDA:1,0\nDA:4,2\nDA:5,1\n" +
    "DA:7,1\nDA:9,0\nDA:10,0\nend_of_record\nSF:/tmp/tests/lib.ts\nDA:1,1\nend_of_record\n" +
    "SF:/tmp/lib/a/y.ts\nDA:1,0\nend_of_record\n";
  assertEquals(linesOf(lcov), { "lib/a/x.ts": "4-5 7 9" });
});
