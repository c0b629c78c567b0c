import { assertEquals } from "@std/assert";
import { balance, growth } from "./balance.ts";
import { plot } from "./plot.ts";

const pure = { permissions: "none" } as const;

Deno.test("balance() accepts true outcomes", pure, () => {
  const { sums, entries, wrong } = balance(4, [
    [0, "pay", "ok"],
    [1, "look", "ok"],
    [2, "pay", "disconnected", "maybe"],
    [3, "pay", "unavailable", "no"],
  ], [0, 1, 1, 2]);
  assertEquals(wrong, []);
  assertEquals(entries, 4);
  assertEquals(sums, { "ok": 2, "disconnected maybe": 1, "unavailable no": 1 });
});

Deno.test(
  "balance() reports outcomes that contradict the handlers",
  pure,
  () => {
    const { wrong } = balance(6, [
      [0, "pay", "ok"],
      [1, "pay", "disconnected", "no"],
      [2, "look", "ok"],
      [3, "look", "internal", "yes"],
      [4, "look", "ok"],
      [4, "look", "ok"],
    ], [0, 0, 1, 4]);
    assertEquals(wrong, [
      "pay 0 (ok) ran 2 times",
      "pay 1 (disconnected no) ran",
      "look 2 (ok) did not run",
      "look 3 (internal yes) did not run",
      "look 4 (ok) has settled twice",
      "6 calls were made, but 5 have settled",
    ]);
  },
);

Deno.test(
  "growth() compares the last third with the middle third",
  pure,
  () => {
    assertEquals(growth([9, 9, 9, 10, 11, 10, 11, 10, 11], 5), undefined);
    assertEquals(growth([1, 2, 3, 10, 11, 10, 17, 18, 16], 5), "from 10 to 17");
    assertEquals(growth([1], 5), undefined);
  },
);

Deno.test("plot() draws each series and mark", pure, () => {
  const svg = plot([
    { title: "heap", series: [{ name: "a", points: [[0, 1], [10, 5]] }] },
  ], [{ seconds: 5, what: "SIGKILL a" }]);
  assertEquals(svg.match(/<polyline/g)?.length, 1);
  assertEquals(svg.match(/<title>SIGKILL a<\/title>/g)?.length, 1);
});
