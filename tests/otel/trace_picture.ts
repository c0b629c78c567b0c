/**
 * A picture of one trace: a bar for each span, below that of its parent.
 *
 * @module
 */
import type { SeenSpan } from "./collector.ts";

/** A span with its place in the trace. */
export interface TraceRow {
  /** Name of the span, with its kind. */
  readonly label: string;
  readonly depth: number;
  /** Milliseconds since the beginning of the trace. */
  readonly start: number;
  readonly ms: number;
  readonly kind: number;
}

const KINDS: Readonly<Record<number, string>> = { 2: "server", 3: "client" };

/**
 * Returns the spans below the span with the given name, each after its parent.
 *
 * @throws {RangeError} if there is no such span
 */
export function traceRows(
  spans: readonly SeenSpan[],
  name: string,
): TraceRow[] {
  const root = spans.find((span) => span.name === name);
  if (root === undefined) throw new RangeError(`no span ${name}`);
  const rows: TraceRow[] = [];
  const visit = (span: SeenSpan, depth: number) => {
    const kind = KINDS[span.kind];
    rows.push({
      label: kind === undefined ? span.name : `${span.name} (${kind})`,
      depth,
      start: Number(span.start - root.start) / 1e6,
      ms: Number(span.end - span.start) / 1e6,
      kind: span.kind,
    });
    spans.filter(({ parentSpanId }) => parentSpanId === span.spanId)
      .toSorted((a, b) => a.start < b.start ? -1 : 1)
      .forEach((child) => visit(child, depth + 1));
  };
  visit(root, 0);
  return rows;
}

const ROW = 26;
const LABELS = 300;
const BARS = 480;
const MARGIN = 12;
const COLORS: Readonly<Record<number, string>> = { 2: "#b4541a", 3: "#1f6feb" };

/** Returns the picture of a trace as SVG, on its own light background. */
export function tracePicture(rows: readonly TraceRow[]): string {
  const total = Math.max(...rows.map(({ start, ms }) => start + ms));
  const width = LABELS + BARS + 2 * MARGIN + 70;
  const height = rows.length * ROW + 2 * MARGIN + ROW;
  const x = (ms: number) => MARGIN + LABELS + BARS * ms / total;
  const lines = rows.flatMap(({ label, depth, start, ms, kind }, at) => {
    const y = MARGIN + at * ROW;
    const bar = Math.max(2, BARS * ms / total);
    return [
      `<text x="${MARGIN + depth * 14}" y="${y + 17}">${escaped(label)}</text>`,
      `<rect x="${fixed(x(start))}" y="${y + 5}" width="${fixed(bar)}" ` +
      `height="${ROW - 10}" rx="2" fill="${COLORS[kind] ?? "#57606a"}"/>`,
      `<text class="ms" x="${fixed(x(start) + bar + 5)}" y="${y + 17}">` +
      `${ms.toFixed(1)} ms</text>`,
    ];
  });
  const foot = height - MARGIN;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    "<title>One trace: nested calls, a call back, and a call below a stream</title>",
    "<style>text{font:13px ui-monospace,Menlo,Consolas,monospace;fill:#1f2328}.ms{font-size:11px;fill:#57606a}</style>",
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...lines,
    `<text class="ms" x="${MARGIN}" y="${foot}">blue: client spans, orange: server spans; time from left to right, ${
      total.toFixed(1)
    } ms in all</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
