/**
 * The mutants of small sources, and the order in which they are drawn.
 *
 * @module
 */
import { assertEquals } from "@std/assert";
import { draw, groupsOf } from "./draw.ts";
import {
  type Mutant,
  mutantsOf,
  mutated,
  probed,
  switched,
} from "./mutants.ts";
import { hashOf, idOf, type Reach, testsThatReach } from "./reach.ts";

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
    {
      ...{
        path: "lib/x.ts",
        line,
        start,
        end: 9,
        operator: "branch",
        text: "",
      },
      probe: { start, end: 9, kind: "expression" },
    }
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

Deno.test("groupsOf() returns the tests of the folder first, then the quickest", () => {
  const test = (file: string, name: string, ms: number) => ({ file, name, ms });
  const mutant: Mutant = {
    ...{ path: "lib/a/x.ts", line: 1, start: 0, end: 1, text: "" },
    operator: "await",
    probe: { start: 0, end: 1, kind: "expression" },
  };
  const groups = groupsOf(mutant, [
    test("tests/b/x_test.ts", "slow", 9_000),
    test("tests/b/x_test.ts", "quick", 1),
    test("tests/a/y_test.ts", "slower", 1_999),
    test("tests/a/x_test.ts", "own", 1_000),
    test("tests/b/y_test.ts", "slowest", 110_000),
    test("tests/b/z_test.ts", "too slow", 3_000),
  ]);
  assertEquals(groups.map((group) => group.map(({ name }) => name)), [
    ["own", "slower", "quick"],
    ["too slow", "slow"],
    ["slowest"],
  ]);
  const many = Array.from(
    { length: 700 },
    (_, i) => test("tests/a/x_test.ts", `${i}`, 0),
  );
  assertEquals(groupsOf(mutant, many).map(({ length }) => length), [
    40,
    600,
    60,
  ]);
  assertEquals(groupsOf(mutant, []), []);
});

Deno.test("testsThatReach() returns what reached a mutant, and what has changed since", () => {
  const mutant = mutantsOf("lib/support/in_order.ts", "a();").at(-1)!;
  const files = ["tests/mutation/mutation_test.ts", "tests/size_test.ts"];
  const [changed, same] = files as [string, string];
  const reach: Reach = {
    library: "",
    mutants: ["", idOf(mutant)],
    files: { [same]: hashOf(same), [changed]: "before" },
    reached: [
      { file: same, name: undefined, ms: 0, probes: [0] },
      { file: same, name: "one", ms: 7, probes: [0, 1] },
      { file: same, name: "other", ms: 8, probes: [0] },
      { file: changed, name: "three", ms: 9, probes: [1] },
    ],
  };
  const of = (near: boolean, reached = reach.reached) =>
    testsThatReach({ ...reach, reached }, mutant, files, () => near);
  const whole = { file: changed, name: undefined, ms: 1_000 };
  const one = { file: same, name: "one", ms: 7 };
  assertEquals(of(false), [whole, one]);
  assertEquals(of(false, reach.reached.slice(0, 3)), [one]);
  assertEquals(of(true, reach.reached.slice(0, 3)), [whole, one]);
  const loaded = { file: same, name: undefined, ms: 0, probes: [1] };
  assertEquals(of(false, [loaded, ...reach.reached.slice(0, 3)]), [
    one,
    { file: same, name: "other", ms: 8 },
  ]);
});

Deno.test("probed() reports that the code of a mutant runs", async () => {
  const text = `
    let ran = "";
    async function f(a, b) {
      if (a < b) ran += "x";
      while (a === 3) break;
      try { ran += a && b ? 1 : 2; } finally { a; }
      await a;
      if (b) { if (a) return; } else throw b;
    }
  `;
  const mutants = mutantsOf("lib/x.ts", text);
  const [[, code] = []] = probed(mutants, () => text);
  const count = mutants.length;
  assertEquals(code?.match(/__reached/g)?.length, count);
  const probes = new Set<number>();
  Object.assign(globalThis, {
    __reached: (probe: number) => probes.add(probe),
  });
  try {
    const run = new Function(`${code}; return f;`)();
    for (const [a, b] of [[1, 2], [3, 0], [0, 1], [0, 0]]) {
      await run(a, b).catch(() => {});
    }
  } finally {
    Reflect.deleteProperty(globalThis, "__reached");
  }
  assertEquals(probes.size, count);
});

Deno.test("switched() has the effect of one mutant at a time", () => {
  const text = `
    function f(a, b) {
      let seen = "";
      for (;;) { if (a < b) break; a--; }
      seen += a && b ? "x" : "y";
      if (a === 3) { seen += "z"; } else { seen += "u"; }
      try { if (a) throw a; return seen; } catch (c) { seen += c; }
      finally { b = 0; seen += "w"; given.push(seen); }
      return seen + b;
    }
  `;
  const mutants = mutantsOf("lib/x.ts", text);
  const outcome = (code: string, a: number, b: number) => {
    const given: string[] = [];
    const bounded = code.replace(/for \(;;\)/, "for (let i = 0; i < 9; i++)");
    try {
      return [
        new Function("given", `${bounded}; return f;`)(given)(a, b),
        given,
      ];
    } catch (error) {
      return [String(error), given];
    }
  };
  const pairs = [[1, 2], [3, 5], [0, 1], [4, 2], [0, -3], [2, 0]] as const;
  const [[, all] = []] = switched(mutants, () => text);
  try {
    for (const [index, mutant] of [undefined, ...mutants].entries()) {
      Object.assign(globalThis, { __mutant: index - 1 });
      const own = mutant === undefined ? text : mutated(text, mutant);
      for (const [a, b] of pairs) {
        assertEquals(outcome(all!, a, b), outcome(own, a, b), own);
      }
    }
  } finally {
    Reflect.deleteProperty(globalThis, "__mutant");
  }
  const [[, awaited] = []] = switched(
    mutantsOf("lib/x.ts", "const x = 1 + await a;"),
    () => "const x = 1 + await a;",
  );
  assertEquals(
    awaited,
    "const x = 1 + (globalThis.__mutant === 0 ? (a) : await a);",
  );
});
