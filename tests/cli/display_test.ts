import { progressLine } from "../../lib/cli/progress_bar.ts";
import { assertEquals } from "@std/assert";
import {
  ascii,
  columnsOf,
  fitted,
  fittedText,
  hexDump,
  jsonFor,
  jsonLine,
  pairsOf,
  styled,
  tableOf,
} from "../../lib/cli/display.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

Deno.test(
  "jsonLine() escapes characters that a terminal may act on",
  none,
  () => {
    const active =
      "\x1b[2J\x07\x7f\u009b\u202e\u2066\u2028\u200b\ufeff\u{e0001}";
    const line = jsonLine({ [active]: [active] });
    assertEquals(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(line), false);
    assertEquals(JSON.parse(line), { [active]: [active] });
    assertEquals(jsonLine("é😀"), '"é😀"');
  },
);

Deno.test("jsonFor() breaks lines only where they do not fit", none, () => {
  assertEquals(jsonFor(80, { a: [1] }), '{"a":[1]}');
  assertEquals(jsonFor(5, { a: [1] }).split("\n").length, 5);
});

Deno.test("hexDump() shows offsets, digits and ASCII", none, () => {
  assertEquals(
    hexDump(new TextEncoder().encode("0123456789abcdef\x1b")),
    "00000000  30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66  0123456789abcdef\n" +
      "00000010  1b                                               .\n",
  );
  assertEquals(hexDump(new Uint8Array()), "");
});

Deno.test("columnsOf() aligns all columns but the last", none, () => {
  assertEquals(columnsOf([["a", "b"], ["long", "c"]]), ["a     b", "long  c"]);
});

Deno.test("styled() adds a style only with colors", none, () => {
  assertEquals(styled("a", "red", false), "a");
  assertEquals(styled("a", "red", true), "\x1b[31ma\x1b[0m");
});

Deno.test("fitted() and jsonFor() cut only what does not fit", none, () => {
  assertEquals(["abc", "abcd", "abcde"].map((text) => fitted(text, 4)), [
    "abc",
    "abcd",
    "abc…",
  ]);
  assertEquals([fitted("ab", 1), fitted("ab", 0)], ["…", "…"]);
  assertEquals([jsonFor(3, [1]), jsonFor(2, [1])], ["[1]", "[\n  1\n]"]);
});

Deno.test("ascii() shows the printable characters", none, () => {
  assertEquals(ascii(new Uint8Array([0x1f, 0x20, 0x7e, 0x7f, 0xff])), ". ~..");
});

Deno.test("progressLine() fits into the terminal", none, () => {
  assertEquals(
    progressLine(0.5, "text", 80),
    `[${"#".repeat(15)}${"-".repeat(15)}] 50% text`,
  );
  assertEquals(progressLine(2, "", 50), `[${"#".repeat(10)}]100% `);
  assertEquals(progressLine(-1, "", 50), `[${"-".repeat(10)}]  0% `);
  assertEquals(progressLine(0.999, "", 70), `[${"#".repeat(30)}] 99% `);
  assertEquals(progressLine(0, "text", 10), "[----]  0");
  assertEquals([0, 1, 2].map((columns) => progressLine(1, "", columns)), [
    "",
    "",
    "[",
  ]);
});

Deno.test("tableOf() continues columns that do not fit below", none, () => {
  const rows = [["name", "one", "two", "three"], ["a", "1", "2", "3"]];
  const whole = ["name  one  two  three", "a     1    2    3"];
  assertEquals(tableOf(rows, 21), whole);
  assertEquals(tableOf(rows, Infinity), whole);
  const parts = [
    "name  one  two",
    "a     1    2",
    "",
    "name  three",
    "a     3",
  ];
  assertEquals(tableOf(rows, 20), parts);
  assertEquals(tableOf(rows, 14), parts);
  assertEquals(tableOf(rows, 1).length, 8); // one column each
  assertEquals(tableOf([["alone"]], 3), ["alone"]);
  assertEquals(tableOf([], 3), []);
});

Deno.test("pairsOf() divides texts at their spaces", none, () => {
  const pairs = [["memory", "3 of 4 are in use"], [
    "id",
    "0123456789abcdef",
  ]] as const;
  assertEquals(pairsOf(pairs, Infinity), [
    "memory  3 of 4 are in use",
    "id      0123456789abcdef",
  ]);
  const narrow = [
    "memory  3 of 4 are",
    "        in use",
    "id      0123456789abcdef", // one word
  ];
  assertEquals(pairsOf(pairs, 18), narrow);
  assertEquals(pairsOf(pairs, 1), narrow);
});

Deno.test("fittedText() divides paragraphs and second columns", none, () => {
  const text = [
    ...["one two", "three four five sixth", "", "  name  first second third"],
    ...["  a-long-name-here  text of it", "$ a command that is long"],
  ].join("\n");
  assertEquals(fittedText(text, Infinity, "$"), text);
  assertEquals(fittedText(text, 20, "$").split("\n"), [
    ...["one two three four", "five sixth", "", "  name  first second"],
    ...["        third", "  a-long-name-here", "          text of it"],
    "$ a command that is long",
  ]);
});
