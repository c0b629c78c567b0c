import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { CliError } from "../../../lib/cli/errors.ts";
import {
  figuresOf,
  Measurements,
  readResult,
} from "../../../lib/cli/bench/measurements.ts";
import { resultPage } from "../../../lib/cli/bench/result_page.ts";
import {
  comparisonText,
  invalidity,
  resultText,
} from "../../../lib/cli/bench/result_text.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

const FACTS = {
  date: "",
  agent: "",
  url: "",
  method: "",
  loop: { kind: "open", rate: 1 },
  connections: 1,
  workers: 1,
  duration: 1000,
  warmup: 0,
  bytes: { sent: 0, received: 0 },
} as const;

function result(latency: number, lag = 0.001) {
  const measurements = new Measurements(1000);
  for (let i = 0; i < 100; i++) {
    const start = i * 10;
    measurements.called({ outcome: "ok", start, end: start + latency });
    measurements.late(lag);
  }
  measurements.called({ outcome: "deadline", start: 500, end: 600 });
  return measurements.result({
    date: "2026-01-31T00:00:00.000Z",
    agent: "lengthwise/1",
    url: "tcp://test:1",
    method: "price<b>",
    loop: { kind: "open", rate: 100 },
    connections: 1,
    workers: 1,
    duration: 1000,
    warmup: 0,
    bytes: { sent: 2048, received: 10 },
  });
}

Deno.test("Measurements divides the time into slots", none, () => {
  const measurements = new Measurements(1000);
  const call = (start: number, outcome = "ok") =>
    measurements.called({ outcome, start, end: start + 5 });
  const { length } = measurements.result(FACTS).timeline;
  const slot = 1000 / length;
  call(0);
  call(slot - 0.001);
  call(slot, "internal");
  call(1.5 * slot);
  call(999.9);
  call(1000, "deadline"); // at the end, and after it
  call(2000);
  call(-1); // before the beginning
  const { timeline } = measurements.result(FACTS);
  const counts = timeline.map(({ ok, failed }) => [ok, failed]);
  assertEquals(counts.slice(0, 3), [[3, 0], [1, 1], [0, 0]]);
  assertEquals(counts.at(-1), [2, 1]);
  assertEquals(counts.flat().reduce((sum, count) => sum + count), 8);
  const [first, second, third] = timeline;
  assert(Math.abs(first!.p50 - 5) < 0.1 && Math.abs(first!.max - 5) < 0.1);
  assert(Math.abs(second!.p99 - 5) < 0.1);
  assertEquals([third!.p50, third!.p99, third!.max], [0, 0, 0]);
});

Deno.test("Measurements counts items, cut calls and first items", none, () => {
  const measurements = new Measurements(1000);
  measurements.called({
    ...{ outcome: "ok", start: 10, end: 30 },
    ...{ firstItem: 14, items: 3 },
  });
  measurements.called({ outcome: "ok", start: 10, end: 30, items: 2 });
  measurements.called({ outcome: "ok", start: 10, end: 30 });
  measurements.cut();
  const { firstItem, items, cut } = measurements.result(FACTS);
  assertEquals([firstItem.count, firstItem.sum, items, cut], [1, 4, 5, 1]);
});

Deno.test(
  "figuresOf() relates calls, errors and lag to each other",
  none,
  () => {
    const figures = (ok: number, failed: number, lag: number) => {
      const measurements = new Measurements(2000);
      const add = (outcome: string) =>
        measurements.called({ outcome, start: 0, end: 10 });
      for (let i = 0; i < ok; i++) add("ok");
      for (let i = 0; i < failed; i++) add("internal");
      measurements.late(lag);
      return figuresOf(measurements.result({ ...FACTS, duration: 2000 }));
    };
    const { calls, rate, errors, valid } = figures(3, 1, 0.5);
    assertEquals([calls, rate, errors, valid], [4, 2, 0.25, true]);
    assertEquals([figures(0, 0, 5).errors, figures(0, 0, 5).valid], [0, true]);
    assertEquals([figures(0, 2, 5).errors, figures(0, 2, 5).valid], [1, true]);
    assertEquals([figures(1, 0, 0.9).valid, figures(1, 0, 1.1).valid], [
      true,
      false,
    ]);
  },
);

Deno.test("resultText() leaves out what did not happen", none, () => {
  const measured = result(2);
  const text = resultText(measured);
  for (const word of ["items ", "cut ", "first item"]) {
    assertEquals(text.includes(word), false, word);
  }
  const more = resultText({
    ...measured,
    items: 30,
    cut: 2,
    firstItem: measured.lag,
  });
  assertStringIncludes(more, "items     30, 30/s");
  assertStringIncludes(more, "cut       2 calls at the end");
  assert(/^first item +100 /m.test(more), more);
  assertStringIncludes(resultText(measured, 76), "p90");
  const narrow = resultText(measured, 75);
  assertEquals([narrow.includes("p90"), narrow.includes("p99")], [false, true]);
});

Deno.test(
  "comparisonText() compares rates with the same loop only",
  none,
  () => {
    const [base, now] = [result(2), result(2)];
    const text = comparisonText(now, base);
    assertEquals(text.includes("another method"), false);
    assert(/^rate +101\/s +101\/s +\+0\.0%/m.test(text), text);
    assert(/^errors +0\.99% +0\.99%$/m.test(text), text);
    for (
      const other of [
        { method: "other" },
        { connections: 2 },
        { loop: { kind: "open", rate: 101 } } as const,
      ]
    ) {
      const differs = comparisonText({ ...now, ...other }, base);
      assertStringIncludes(differs, "the base is of another method");
    }
    const slow = { ...base, duration: 100_000 };
    assert(/^rate +1\.0\/s +101\/s +\+9900/m.test(comparisonText(now, slow)));
    const none = { ...base, outcomes: {} };
    assert(/^rate +0\.0\/s +101\/s$/m.test(comparisonText(now, none)));
    assert(/^rate +101\/s +0\.0\/s +-100\.0%/m.test(comparisonText(none, now)));
  },
);

Deno.test("resultText() names the loop, rates and each outcome", none, () => {
  const text = resultText(result(2));
  assertStringIncludes(text, "open loop, offered 100/s; reached 101/s");
  assert(/^ok +100 +2\.0\d ms/m.test(text), text);
  assert(/^deadline +1 /m.test(text), text);
  assert(/^lag +100 /m.test(text), text);
  assertStringIncludes(text, "sent      2.0 KiB");
  const closed = resultText({
    ...result(2),
    loop: { kind: "closed", concurrency: 4 },
  });
  assertStringIncludes(closed, "closed loop");
});

Deno.test(
  "comparisonText() shows changes, and warns about other loops",
  none,
  () => {
    const text = comparisonText(result(3), result(2));
    assert(/^p99 +2\.0\d ms +3\.0\d ms +\+\d+/m.test(text), text);
    const other = { ...result(2), connections: 5 };
    assertStringIncludes(comparisonText(result(2), other), "another method");
  },
);

Deno.test("invalidity() explains a generator that was late", none, () => {
  assertEquals(invalidity(result(2)), undefined);
  assertStringIncludes(invalidity(result(2, 1)) ?? "", "invalid");
});

Deno.test("resultPage() is one file, whose texts are escaped", none, () => {
  const html = resultPage(result(2));
  assert(!html.includes("price<b>"));
  assert(!/<script|<link|src=|href=|@import|url\(/.test(html));
  assertEquals(html.match(/<svg /g)?.length, 3);
  assert(!html.includes("NaN") && !html.includes("Infinity"), html);
});

Deno.test(
  "resultPage() plots the latencies of slots with successful calls",
  none,
  () => {
    const measurements = new Measurements(1000);
    for (let start = 0; start < 1000; start++) {
      const outcome = start < 250 ? "ok" : "internal";
      measurements.called({ outcome, start, end: start + 2 });
    }
    const measured = measurements.result(FACTS);
    const filled = measured.timeline.filter(({ ok }) => ok > 0).length;
    const lines = [
      ...resultPage(measured).matchAll(/<polyline .*? points="(.*?)"/g),
    ]
      .map(([, points]) => points!.split(" ").map((point) => point.split(",")));
    // Two outcomes by percentile, three lines of latencies, two of calls.
    const [, , max, p99, p50, ok, failed] = lines;
    assertEquals([max, p99, p50].map((line) => line?.length), [
      filled,
      filled,
      filled,
    ]);
    const { length } = measured.timeline;
    assertEquals([lines.length, ok?.length, failed?.length], [
      7,
      length,
      length,
    ]);
    assertEquals(filled > 0 && filled < length, true);
    // The middle of the first and of the last slot, in a second.
    const x = (at: number) =>
      Math.round((78 + at * 770 / ((length - 0.5) / length)) * 10) / 10;
    assertEquals(Number(ok!.at(-1)![0]), 848);
    assertEquals(Number(ok![0]![0]), x(0.5 / length));
  },
);

Deno.test("readResult() accepts only what --save has written", none, () => {
  const saved = result(2);
  assertEquals(readResult(JSON.stringify(saved), "f"), saved);
  for (const text of ["", "{}", "[]", '{"format":"x"}']) {
    assertThrows(
      () => readResult(text, "f"),
      CliError,
      "not a saved benchmark",
    );
  }
});

Deno.test("Measurements adds up what workers have measured", none, () => {
  const all = new Measurements(1000);
  const parts = [new Measurements(1000), new Measurements(1000)];
  for (let n = 0; n < 200; n++) {
    const start = n * 5;
    const outcome = n % 7 === 0 ? "internal" : "ok";
    const firstItem = n % 3 === 0 ? start + 0.5 : undefined;
    const call = { outcome, start, end: start + n, items: n % 3, firstItem };
    for (const each of [all, parts[n % 2]!]) {
      each.called(call);
      each.late(n / 8);
      if (n % 50 === 0) each.cut();
    }
  }
  const sum = new Measurements(1000);
  for (const part of parts) sum.add(structuredClone(part.toData()));
  assertEquals(sum.result(FACTS), all.result(FACTS));
  assertEquals(sum.toData(), all.toData());
});
