import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { CliError } from "../../../lib/cli/errors.ts";
import {
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
    duration: 1000,
    warmup: 0,
    bytes: { sent: 2048, received: 10 },
  });
}

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
