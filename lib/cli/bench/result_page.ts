/**
 * The result of a benchmark as an HTML page without other files.
 *
 * @module
 */
import { formatCount, formatMs } from "../quantities.ts";
import { Histogram } from "../histogram.ts";
import { type BenchResult, figuresOf } from "./measurements.ts";
import { invalidity, resultText } from "./result_text.ts";
import { escapeHtml, page, plot } from "../html_page.ts";
import { byPercentile, PERCENTILES } from "../percentile_axis.ts";

/** Returns the page. */
export function resultPage(result: BenchResult): string {
  const { url, method, date, timeline, duration } = result;
  const { ok, rate, calls, errors } = figuresOf(result);
  const warning = invalidity(result);
  const slot = duration / timeline.length / 1000;
  const at = (index: number) => (index + 0.5) * slot;
  const over = (value: (slot: BenchResult["timeline"][number]) => number) =>
    timeline.flatMap((each, index): [number, number][] =>
      each.ok > 0 ? [[at(index), value(each)]] : []
    );
  const figures = [
    ["calls", formatCount(calls)],
    ["calls per second", formatCount(rate)],
    ["errors", `${(errors * 100).toFixed(2)} %`],
    ["p50", formatMs(ok.percentile(0.5))],
    ["p99", formatMs(ok.percentile(0.99))],
    ["max", formatMs(ok.max)],
  ];
  return page(`Benchmark of ${method}`, [
    `<p class="sub">${escapeHtml(url)} · ${escapeHtml(date)}</p>`,
    warning === undefined
      ? ""
      : `<p class="warning">${escapeHtml(warning)}</p>`,
    `<dl class="figures">${
      figures.map(([name = "", value = ""]) =>
        `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
      ).join("")
    }</dl>`,
    plot({
      title: "Latency by percentile",
      x: { label: "percentile", scale: "log", ticks: PERCENTILES },
      y: { label: "latency", scale: "log", format: formatMs },
      series: Object.entries(result.outcomes).map(([name, data]) => ({
        name,
        points: byPercentile(Histogram.from(data)),
      })),
    }),
    plot({
      title: "Latency over time",
      x: { label: "seconds", scale: "linear" },
      y: { label: "latency", scale: "log", format: formatMs },
      series: [
        { name: "max", points: over(({ max }) => max) },
        { name: "p99", points: over(({ p99 }) => p99) },
        { name: "p50", points: over(({ p50 }) => p50) },
      ],
    }),
    plot({
      title: "Calls over time",
      x: { label: "seconds", scale: "linear" },
      y: { label: "calls per second", scale: "linear", format: formatCount },
      series: [
        {
          name: "ok",
          points: timeline.map(({ ok }, index) => [at(index), ok / slot]),
        },
        {
          name: "failed",
          points: timeline.map((
            { failed },
            index,
          ) => [at(index), failed / slot]),
        },
      ],
    }),
    `<h2>Figures</h2><pre>${escapeHtml(resultText(result))}</pre>`,
  ]);
}
