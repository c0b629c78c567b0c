import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Histogram } from "../../lib/cli/histogram.ts";
import {
  type Axis,
  escapeHtml,
  page,
  plot,
  type Series,
} from "../../lib/cli/html_page.ts";
import { byPercentile, PERCENTILES } from "../../lib/cli/percentile_axis.ts";

const none = { permissions: "none" } as const; // the literal type that Deno.test wants

/** Lines, and positions and texts of the ticks, of a plot. */
function drawn(x: Axis, y: Axis, ...series: Series[]) {
  const html = plot({ title: "t", x, y, series });
  const ticks = (pattern: RegExp) =>
    [...html.matchAll(pattern)].map(([, at, label]) => [Number(at), label]);
  return {
    html,
    lines: [...html.matchAll(/<polyline stroke="(.*?)" points="(.*?)"/g)]
      .map(([, color, points]) => [color, points]),
    x: ticks(/<text x="([\d.]+)" y="252" text-anchor="middle">(.*?)</g),
    y: ticks(
      /y1="([\d.]+)" y2="\1"\/><text x="70" y="[\d.]+" text-anchor="end">(.*?)</g,
    ),
  };
}

const linear = { label: "a", scale: "linear" } as const;
const log = { label: "b", scale: "log" } as const;

Deno.test("escapeHtml() and page() leave no special character", none, () => {
  assertEquals(
    escapeHtml(`<a b="c" d='&'>`),
    "&#60;a b=&#34;c&#34; d=&#39;&#38;&#39;&#62;",
  );
  const html = page("<t>", ["one", "", "two"]);
  assertStringIncludes(html, "<title>&#60;t&#62;</title>");
  assertStringIncludes(html, "<h1>&#60;t&#62;</h1>\none\ntwo\n</body>");
});

Deno.test("plot() says so if there are no values", none, () => {
  const { html } = drawn(linear, linear, { name: "a", points: [] });
  assertEquals(html, '<h2>t</h2>\n<p class="sub">no values</p>');
});

Deno.test("plot() places points and ticks on linear axes", none, () => {
  const one = { name: "<one>", points: [[0, 0], [5, 50], [10, 100]] } as const;
  const empty = { name: "empty", points: [] };
  const two = { name: "two", points: [[10, 0]] } as const;
  const { html, lines, x, y } = drawn(linear, linear, one, empty, two);
  assertEquals(lines, [
    ["var(--c0)", "78,236 463,123 848,10"],
    ["var(--c1)", "848,236"],
  ]);
  assertEquals(x, [
    [78, "0"],
    [232, "2"],
    [386, "4"],
    [540, "6"],
    [694, "8"],
    [848, "10"],
  ]);
  assertEquals(y.at(0), [236, "0"]);
  assertEquals(y.at(-1), [10, "100"]);
  assertEquals(y.length, 6);
  assertStringIncludes(html, "&#60;one&#62;</span>");
  assertEquals(html.includes("empty"), false);
});

Deno.test("plot() shows 0, negative values, and a single value", none, () => {
  const above = drawn(linear, linear, { name: "a", points: [[4, 7]] });
  assertEquals([above.x.at(0), above.y.at(0)], [[78, "0"], [236, "0"]]);
  const below = drawn(linear, linear, { name: "a", points: [[-4, 0], [4, 0]] });
  assertEquals(below.x.map(([, label]) => label), ["-4", "-2", "0", "2", "4"]);
  assertEquals(below.lines, [["var(--c0)", "78,236 848,236"]]);
});

Deno.test("plot() places points on logarithmic axes", none, () => {
  const few = drawn(log, log, { name: "a", points: [[1, 1], [10, 100]] });
  assertEquals(few.lines, [["var(--c0)", "78,236 848,10"]]);
  assertEquals(few.x.map(([, label]) => label), ["1", "2", "5", "10"]);
  assertEquals(few.y.map(([, label]) => label), [
    ...["1", "2", "5", "10", "20", "50", "100"],
  ]);
  const many = drawn(linear, log, { name: "a", points: [[0, 0], [1, 10_000]] });
  assertEquals(many.y.map(([, label]) => Number(label)), [
    ...[1e-4, 1e-3, 0.01, 0.1, 1, 10, 100, 1000, 10_000],
  ]);
  assertEquals(many.lines, [["var(--c0)", "78,236 848,10"]]);
});

Deno.test("plot() uses the ticks and texts of an axis", none, () => {
  const ticks = [[-1, "no"], [0, "first"], [10, "last"], [11, "no"]] as const;
  const y = { ...linear, format: (value: number) => `${value}!` };
  const { x, y: up } = drawn({ ...linear, ticks }, y, {
    name: "a",
    points: [[0, 0], [10, 1]],
  });
  assertEquals(x, [[78, "first"], [848, "last"]]);
  assertEquals(up.at(-1), [10, "1!"]);
});

Deno.test("plot() begins the colors again after six lines", none, () => {
  const series = Array.from({ length: 7 }, (_, i) => ({
    name: `${i}`,
    points: [[i, i]] as const,
  }));
  const { lines } = drawn(linear, linear, ...series);
  assertEquals(lines.map(([color]) => color).slice(5), [
    "var(--c5)",
    "var(--c0)",
  ]);
});

Deno.test("byPercentile() allots equal space to each nine", none, () => {
  const histogram = new Histogram();
  for (let i = 1; i <= 1000; i++) histogram.record(i);
  const points = byPercentile(histogram);
  assertEquals(points.length, 121);
  assertEquals(points[0]![0], 1);
  assert(Math.abs(points.at(-1)![0] - 1000) < 1e-6);
  for (const [at, label] of PERCENTILES.slice(0, 4)) {
    assert(Math.abs(1 - 1 / at - Number(label) / 100) < 1e-9);
  }
  const [x, y] = points[80]!; // two thirds of three nines
  assert(Math.abs(x - 100) < 1e-6 && Math.abs(y - 990) < 10);
  const [last] = byPercentile(new Histogram()).slice(-1);
  assert(Math.abs(last![0] - 2) < 1e-9);
});
