/**
 * The result of a benchmark as text.
 *
 * @module
 */
import { printableName } from "../../messages/support/printable.ts";
import { columnsOf } from "../display.ts";
import { countOf, formatBytes, formatCount, formatMs } from "../quantities.ts";
import { Histogram, type HistogramData } from "../histogram.ts";
import type { Loop } from "./load.ts";
import { type BenchResult, figuresOf } from "./measurements.ts";

/** Shares of the percentiles that are shown. */
const SHARES: readonly number[] = [0.5, 0.9, 0.99, 0.999];

/** Shares that are shown on a narrow terminal. */
const FEW_SHARES: readonly number[] = [0.5, 0.99];

/** Width of the table with all shares, in columns. */
const WIDE = 76;

/** Returns a result as lines for people. */
export function resultText(result: BenchResult, columns = WIDE): string {
  const { outcomes, firstItem, items, bytes, cut, lag, loop } = result;
  const { duration, connections, workers, agent } = result;
  const { rate } = figuresOf(result);
  const shares = columns < WIDE ? FEW_SHARES : SHARES;
  const rows = [
    ["outcome", "calls", ...shares.map((share) => `p${share * 100}`), "max"],
    ...Object.entries(outcomes).map(([name, each]) => row(name, each, shares)),
    ...(firstItem.count > 0 ? [row("first item", firstItem, shares)] : []),
    row("lag", lag, shares),
  ];
  const seconds = duration / 1000;
  const lines = [
    `${loopText(loop)}; reached ${perSecond(rate)} over ${
      formatMs(duration)
    }, ${countOf(connections, "connection")}${
      workers > 1 ? `, ${countOf(workers, "worker")}` : ""
    }`,
    "",
    ...columnsOf(rows.map(([name = "", ...rest]) => [
      printableName(name),
      ...rest.map((cell) => cell.padStart(9)),
    ])),
    "",
    ...(items > 0
      ? [`items     ${formatCount(items)}, ${perSecond(items / seconds)}`]
      : []),
    `sent      ${formatBytes(bytes.sent)}`,
    `received  ${formatBytes(bytes.received)}`,
    ...(cut > 0 ? [`cut       ${countOf(cut, "call")} at the end`] : []),
    `client    ${agent}`,
  ];
  return `${lines.join("\n")}\n`;
}

/** Returns the reason why a result means little; `undefined` if it is valid. */
export function invalidity(result: BenchResult): string | undefined {
  const { valid, lag, ok } = figuresOf(result);
  return valid
    ? undefined
    : `invalid: the generator was late by ${
      formatMs(lag)
    } (p99), more than 10 % of the measured p99 of ${
      formatMs(ok.percentile(0.99))
    }; lower the load, use --workers, or run it on a machine of its own`;
}

function loopText(loop: Loop): string {
  return loop.kind === "open"
    ? `open loop, offered ${perSecond(loop.rate)}`
    : `closed loop (a stall of the server delays few calls), ${
      countOf(loop.concurrency, "call")
    } at a time`;
}

function perSecond(rate: number): string {
  return `${rate < 10 ? rate.toFixed(1) : formatCount(rate)}/s`;
}

function row(
  name: string,
  data: HistogramData,
  shares: readonly number[],
): string[] {
  const histogram = Histogram.from(data);
  return [
    name,
    formatCount(histogram.count),
    ...shares.map((share) => formatMs(histogram.percentile(share))),
    formatMs(histogram.max),
  ];
}

/** Returns how a result differs from an earlier one, as lines. */
export function comparisonText(now: BenchResult, base: BenchResult): string {
  const [a, b] = [figuresOf(base), figuresOf(now)];
  const rows = [
    ["", "base", "now", "change"],
    ["rate", perSecond(a.rate), perSecond(b.rate), change(a.rate, b.rate)],
    ...SHARES.map((share) => {
      const [x, y] = [a.ok.percentile(share), b.ok.percentile(share)];
      return [`p${share * 100}`, formatMs(x), formatMs(y), change(x, y)];
    }),
    ["errors", percent(a.errors), percent(b.errors), ""],
  ];
  const differs = JSON.stringify(base.loop) !== JSON.stringify(now.loop) ||
    base.method !== now.method || base.connections !== now.connections ||
    base.workers !== now.workers;
  return [
    ...(differs
      ? [
        "the base is of another method, loop, or number of connections or workers",
      ]
      : []),
    ...columnsOf(rows.map(([name = "", ...rest]) => [
      name.padEnd(7),
      ...rest.map((cell) => cell.padStart(9)),
    ])),
    "",
  ].join("\n");
}

function change(before: number, after: number): string {
  if (before === 0) return "";
  const difference = (after / before - 1) * 100;
  return `${difference >= 0 ? "+" : ""}${difference.toFixed(1)}%`;
}

/** Returns a share as a percentage. */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(3))}%`;
}
