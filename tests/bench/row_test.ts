import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { expectCount, interleave, markdown, type Row, show } from "./row.ts";

const permissions = "none";

const ROW: Row = {
  name: "x",
  title: "a thing",
  against: "another",
  target: { least: 2 },
  group: "rows",
  measure: () => Promise.reject(new Error("not measured")),
};

Deno.test(
  "interleave() lets subjects take turns and leaves out the first round",
  {
    permissions,
  },
  async () => {
    const order: string[] = [];
    const subject = (name: string) => () => {
      order.push(name);
      return Promise.resolve(order.length);
    };
    const found = await interleave(subject("a"), subject("b"), 2);
    assertEquals(order, ["b", "a", "a", "b", "b", "a"]);
    assertEquals(found, { values: [3, 6], others: [4, 5] });
  },
);

Deno.test("interleave() rejects when a subject fails", {
  permissions,
}, async () => {
  const lost = () => {
    expectCount("items", 1, 2);
    return Promise.resolve(1);
  };
  await assertRejects(
    () => interleave(lost, () => Promise.resolve(1), 1),
    Error,
    "items: 1 arrived, but 2 were sent",
  );
});

Deno.test("show() compares pair by pair", { permissions }, () => {
  const shown = show(ROW, {
    values: [10, 40, 30],
    others: [10, 10, 20],
    unit: "calls/s",
  });
  assertEquals(shown.ratio, 1.5);
  assertEquals([shown.least, shown.largest], [1, 4]);
  assertEquals(shown.verdict, "missed by 25 %");
  assertEquals(
    markdown(shown),
    "| a thing | another | 1.50 (1.00–4.00) | ≥ 2 | missed by 25 % | 30.0 against 10.0 calls/s | `x` |",
  );
});

Deno.test("show() compares an absolute value with its target", {
  permissions,
}, () => {
  const row = { ...ROW, target: { most: 8 } };
  const outcome = { values: [7], others: [2], unit: "KB", absolute: true };
  assertEquals(show(row, outcome).verdict, "met");
  assertEquals(show(row, outcome).target, "≤ 8 KB");
  assertThrows(() => show(row, { ...outcome, others: [] }), Error, "paired");
});
