import { assertEquals } from "@std/assert";
import { balance, growth, type Ledger } from "./balance.ts";
import type { Sent } from "./bank.ts";
import { plot } from "./plot.ts";

const pure = { permissions: "none" } as const;

/** Makes a ledger; the client of the calls from 100 on was killed. */
function ledger(
  methods: readonly string[],
  outcomes: Ledger["outcomes"],
  entered: readonly number[],
  killed: readonly Sent[] = [],
): Ledger {
  const sent: Sent[] = methods.map((method, id) => [id, method]);
  sent.push(...killed);
  return { sent, outcomes, entered, killed: (id) => id >= 100 };
}

Deno.test("balance() accepts true outcomes", pure, () => {
  const { sums, entries, wrong } = balance(ledger(
    ["pay", "look", "pay", "pay"],
    [
      [0, "pay", "ok"],
      [1, "look", "ok"],
      [2, "pay", "disconnected", "maybe"],
      [3, "pay", "unavailable", "no"],
    ],
    [0, 1, 1, 2, 100],
    [[100, "transfer"], [101, "transfer"]],
  ));
  assertEquals(wrong, []);
  assertEquals(entries, { pay: 2, look: 2, transfer: 1 });
  assertEquals(sums, {
    "ok": 2,
    "disconnected maybe": 1,
    "unavailable no": 1,
    "killed": 2,
  });
});

Deno.test(
  "balance() reports outcomes that contradict the handlers",
  pure,
  () => {
    const { wrong } = balance(ledger(
      ["pay", "pay", "look", "look", "look", "pay"],
      [
        [0, "pay", "ok"],
        [1, "pay", "disconnected", "no"],
        [2, "look", "ok"],
        [3, "look", "internal", "yes"],
        [4, "look", "ok"],
        [4, "look", "ok"],
        [7, "pay", "unavailable", "no"],
      ],
      [0, 0, 1, 4, 6, 100, 100],
      [[100, "transfer"]],
    ));
    assertEquals(wrong, [
      "6 ran, but was never made",
      "pay 1 (disconnected no) ran",
      "look 2 (ok) did not run",
      "look 3 (internal yes) did not run",
      "look 4 (ok) has settled twice",
      "pay 7 (unavailable no) was never made",
      "pay 0 (ok) ran 2 times",
      "pay 5 has not settled",
      "transfer 100 (killed) ran 2 times",
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
