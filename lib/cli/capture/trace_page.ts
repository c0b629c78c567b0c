/**
 * Captured sessions as an HTML page without other files.
 *
 * @module
 */
import { printableName } from "../../messages/support/printable.ts";
import { byPercentile, PERCENTILES } from "../percentile_axis.ts";
import { escapeHtml, page, plot, table } from "../html_page.ts";
import { countOf, formatBytes, formatCount, formatMs } from "../quantities.ts";
import {
  CANCELLED,
  type SessionTrace,
  type TracedCall,
} from "./session_trace.ts";

/** Most methods in a plot. */
const MAX_METHODS = 6;

/** Returns the page. */
export function tracePage(trace: SessionTrace, title: string): string {
  const methods = [...trace.latencies]
    .sort(([, a], [, b]) => b.count - a.count).slice(0, MAX_METHODS);
  const credits = [...trace.credits()].slice(0, MAX_METHODS);
  return page(title, [
    figures(trace),
    `<h2>Calls and streams</h2>`,
    timeline(trace),
    plot({
      title: "Latency by percentile",
      x: { label: "percentile", scale: "log", ticks: PERCENTILES },
      y: { label: "latency", scale: "log", format: formatMs },
      series: methods.map(([name, histogram]) => ({
        name: printableName(name),
        points: byPercentile(histogram),
      })),
    }),
    plot({
      title: "Credit for items",
      x: { label: "seconds", scale: "linear" },
      y: { label: "bytes", scale: "linear", format: formatBytes },
      series: credits.map(([name, { points }]) => ({
        name,
        points: points.map(([x, y]) => [x / 1000, y]),
      })),
    }),
    `<p class="sub">Bytes of items that an end may still send. At 0, its streams
wait until the peer has read.</p>`,
    methodTimes(trace),
  ]);
}

function figures(trace: SessionTrace): string {
  const { frames, bytes, duration, calls, omitted } = trace;
  const shown: readonly (readonly [string, string])[] = [
    ["frames", formatCount(frames)],
    ["calls", formatCount(calls.length + omitted)],
    ["from clients", formatBytes(bytes.in)],
    ["from servers", formatBytes(bytes.out)],
    ["time", formatMs(duration)],
  ];
  return `<dl class="figures">${
    shown.map(([name, value]) =>
      `<div><dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd></div>`
    ).join("")
  }</dl>`;
}

const WIDTH = 860;
const LEFT = 200;
const ROW = 16;
const AXIS = 22;

/** Most characters of a method's name on the timeline. */
const MAX_NAME = 26;

/** Most rows of the timeline. */
const MAX_ROWS = 120;

/** Returns a bar for each call, with marks for its items. */
function timeline({ calls, duration, omitted }: SessionTrace): string {
  if (calls.length === 0) return `<p class="sub">no calls</p>`;
  const rows = calls.slice(0, MAX_ROWS);
  const span = Math.max(duration, 0.001);
  const x = (ms: number) =>
    Math.round((LEFT + ms / span * (WIDTH - LEFT - 10)) * 10) / 10;
  const height = rows.length * ROW + AXIS;
  const hidden = calls.length - rows.length + omitted;
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Timeline of calls">
${rows.map((call, index) => bar(call, index * ROW, x, span)).join("\n")}
<text x="${LEFT}" y="${height - 6}">0</text>
<text x="${WIDTH - 10}" y="${height - 6}" text-anchor="end">${
    escapeHtml(formatMs(span))
  }</text>
</svg>
<div class="legend"><span><i style="background:var(--c0)"></i>ok</span><span><i style="background:var(--c3)"></i>error</span><span><i style="background:var(--c4)"></i>cancelled</span><span><i style="background:var(--c1)"></i>no end</span><span><i style="background:var(--text)"></i>item</span></div>${
    hidden > 0
      ? `<p class="sub">${countOf(hidden, "further call")} not shown</p>`
      : ""
  }`;
}

function colorOf(outcome: string | undefined): number {
  if (outcome === undefined) return 1;
  return outcome === "ok" ? 0 : outcome === CANCELLED ? 4 : 3;
}

function bar(
  { connection, method, dir, start, end, outcome, items }: TracedCall,
  y: number,
  x: (ms: number) => number,
  span: number,
): string {
  const color = colorOf(outcome);
  const name = printableName(method);
  const short = name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name;
  const width = Math.max(1.5, x(end ?? span) - x(start));
  const title = `${name}: ${
    end === undefined ? "no end" : `${formatMs(end - start)}, ${outcome}`
  }`;
  return `<g><title>${escapeHtml(title)}</title><text x="${LEFT - 8}" y="${
    y + 12
  }" text-anchor="end">#${connection} ${dir === "in" ? "→" : "←"} ${
    escapeHtml(short)
  }</text><rect x="${x(start)}" y="${
    y + 3
  }" width="${width}" height="10" rx="2" fill="var(--c${color})" opacity="0.75"/>${
    items.map((at) =>
      `<rect x="${x(at)}" y="${
        y + 3
      }" width="1" height="10" fill="var(--text)"/>`
    ).join("")
  }</g>`;
}

function methodTimes({ latencies }: SessionTrace): string {
  if (latencies.size === 0) return "";
  const rows = [...latencies].map(([name, histogram]) => [
    printableName(name),
    formatCount(histogram.count),
    ...[0.5, 0.9, 0.99].map((share) => formatMs(histogram.percentile(share))),
    formatMs(histogram.max),
  ]);
  return `<h2>Methods</h2>\n${
    table([["method", "calls", "p50", "p90", "p99", "max"], ...rows])
  }`;
}
