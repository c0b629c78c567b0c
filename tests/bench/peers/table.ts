/**
 * The results as Markdown tables.
 *
 * @module
 */
import {
  type Figures,
  figuresOf,
  type PeerResult,
  type Results,
  type Spread,
  type Workload,
  WORKLOADS,
} from "./results.ts";

const HEADINGS: Readonly<Record<Workload, string>> = {
  unary1: "Unary calls, 1 in flight",
  unary64: "Unary calls, 64 in flight",
  unary256: "Unary calls, 256 in flight",
  stream: "A server stream",
};

/** Returns the tables of all workloads, with a line about the run. */
export function tables(results: Results): string {
  const { date, machine, versions, rounds, seconds } = results;
  const about = `${date}, ${machine}, ${versions}; ${rounds} rounds of ` +
    `${seconds} s for each peer and workload. Medians, with the lowest and ` +
    `highest round in parentheses.`;
  return [about, ...WORKLOADS.map((one) => table(results, one))].join("\n\n");
}

function table(results: Results, workload: Workload): string {
  const rows = results.peers.map((peer) => ({
    peer,
    figures: figuresOf(results, peer, workload),
  })).toSorted((a, b) => rank(b.figures) - rank(a.figures));
  const unit = workload === "stream" ? "items/s" : "calls/s";
  const times = workload === "stream" ? [] : ["p50, µs", "p99, µs"];
  const columns = ["peer", "runtime", unit, "ratio to bare", ...times];
  const lines = rows.map(({ peer, figures }) => {
    const cells = figures === undefined
      ? [whyNot(peer), "", ...times.map(() => "")]
      : [
        shown(figures.rate, count),
        shown(figures.ratio, (value) => value.toPrecision(2)),
        ...workload === "stream"
          ? []
          : [figures.p50, figures.p99].map((time) =>
            time === undefined ? "" : count(time.median)
          ),
      ];
    return row([peer.title, peer.runtime, ...cells]);
  });
  return [
    `### ${HEADINGS[workload]}`,
    "",
    row(columns),
    row(columns.map((_, at) => at < 2 ? "---" : "---:")),
    ...lines,
  ].join("\n");
}

function rank(figures: Figures | undefined): number {
  return figures?.ratio.median ?? -1;
}

/** Returns the reason why a peer has no figures for a workload. */
function whyNot({ failure }: PeerResult): string {
  return failure === undefined
    ? "no streams"
    : `failed: ${failure.replaceAll(/[|\s]+/g, " ").slice(0, 100)}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function shown(
  { median, min, max }: Spread,
  format: (value: number) => string,
): string {
  return `${format(median)} (${format(min)}–${format(max)})`;
}

/** Returns a number with three significant digits and separators. */
export function count(value: number): string {
  const scale = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 2);
  return (Math.round(value / scale) * scale).toLocaleString("en");
}

/**
 * Replaces the part of a document between two marks.
 *
 * @throws {Error} if a mark is missing
 */
export function replaceBetween(
  text: string,
  name: string,
  content: string,
): string {
  const begin = `<!-- ${name}:begin -->`;
  const end = `<!-- ${name}:end -->`;
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) {
    throw new Error(`The document lacks "${begin}" before "${end}"`);
  }
  return `${text.slice(0, from + begin.length)}\n\n${content}\n\n${
    text.slice(to)
  }`;
}
