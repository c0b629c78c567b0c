/**
 * HTML pages with plots, without scripts and other files.
 *
 * @module
 */

/** A line of a plot. */
export interface Series {
  /** Name in the legend. */
  readonly name: string;
  /** Points, in the order of x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** An axis of a plot. */
export interface Axis {
  /** Description of the values. */
  readonly label: string;
  /** Distances on the axis. */
  readonly scale: "linear" | "log";
  /** Positions and texts of ticks; by default, round numbers. */
  readonly ticks?: readonly (readonly [at: number, label: string])[];
  /** Returns the text of a tick. */
  readonly format?: (value: number) => string;
}

/** A plot of lines. */
export interface Plot {
  /** Heading. */
  readonly title: string;
  /** Horizontal axis. */
  readonly x: Axis;
  /** Vertical axis. */
  readonly y: Axis;
  /** Lines, at most as many as there are colors. */
  readonly series: readonly Series[];
}

const WIDTH = 860;
const HEIGHT = 280;
const LEFT = 78;
const RIGHT = 12;
const TOP = 10;
const BOTTOM = 44;

/** Number of colors; further lines begin again. */
const COLORS = 6;

const STYLE = `
:root { color-scheme: light dark; --line: #d5d9e0; --text: #20242c;
  --muted: #667; --back: #fff; --c0: #2563eb; --c1: #d97706; --c2: #059669;
  --c3: #dc2626; --c4: #7c3aed; --c5: #0891b2; }
@media (prefers-color-scheme: dark) { :root { --line: #3a404c;
  --text: #e6e8ec; --muted: #9aa; --back: #14171c; --c0: #60a5fa;
  --c1: #fbbf24; --c2: #34d399; --c3: #f87171; --c4: #a78bfa; --c5: #22d3ee; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text);
  background: var(--back); max-width: 900px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
.sub { color: var(--muted); margin: .2rem 0 1rem; overflow-wrap: anywhere; }
.warning { border-left: 4px solid var(--c3); padding: .4rem .8rem; }
.figures { display: flex; flex-wrap: wrap; gap: .6rem 2rem; margin: 1rem 0; }
.figures dt { color: var(--muted); font-size: .8rem; }
.figures dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--muted); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); } svg polyline { fill: none; stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .85rem; }
.legend i { display: inline-block; width: 1.4em; height: 3px; margin-right: .4em;
  vertical-align: middle; }
td, th { text-align: right; padding: .1rem .8rem; }
td:first-child, th:first-child { text-align: left; padding-left: 0; }
.table { overflow-x: auto; width: max-content; max-width: min(100vw - 3rem, 50vw + 420px); }
.table td, .table th { white-space: nowrap; }
.table.text td { text-align: left; white-space: normal; }
pre { overflow-x: auto; border: 1px solid var(--line); padding: .8rem; }
`;

/** Returns a page with a title and parts of HTML. */
export function page(title: string, parts: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeHtml(title)}</h1>
${parts.filter((part) => part !== "").join("\n")}
</body>
</html>
`;
}

/** Returns text without characters that HTML treats specially. */
export function escapeHtml(text: string): string {
  return text.replace(
    /[&<>"']/g,
    (character) => `&#${character.charCodeAt(0)};`,
  );
}

/** Returns names with their texts as a table of HTML. */
export function textTable(
  pairs: readonly (readonly [name: string, text: string])[],
): string {
  const rows = pairs.map(([name, text]) =>
    `<tr><td>${escapeHtml(name)}</td><td>${escapeHtml(text)}</td></tr>`
  );
  return `<div class="table text"><table>${rows.join("")}</table></div>`;
}

/** Returns a table as HTML; its first row has the names of the columns. */
export function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const cells = (row: readonly string[], tag: string) =>
    `<tr>${
      row.map((cell) => `<${tag}>${escapeHtml(cell)}</${tag}>`).join("")
    }</tr>`;
  return `<div class="table"><table>${cells(head, "th")}${
    body.map((row) => cells(row, "td")).join("")
  }</table></div>`;
}

/** Returns a plot as HTML. */
export function plot({ title, x, y, series }: Plot): string {
  const shown = series.filter(({ points }) => points.length > 0);
  const points = shown.flatMap(({ points }) => points);
  if (points.length === 0) {
    return `<h2>${escapeHtml(title)}</h2>\n<p class="sub">no values</p>`;
  }
  const across = new Scale(x, points.map(([x]) => x), LEFT, WIDTH - RIGHT);
  const up = new Scale(y, points.map(([, y]) => y), HEIGHT - BOTTOM, TOP);
  const lines = shown.map(({ points }, index) =>
    `<polyline stroke="var(--c${index % COLORS})" points="${
      points.map(([x, y]) => `${across.at(x)},${up.at(y)}`).join(" ")
    }"/>`
  );
  return `<h2>${escapeHtml(title)}</h2>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${
    escapeHtml(title)
  }">
${up.ticks().map(([at, label]) => horizontal(at, label)).join("\n")}
${across.ticks().map(([at, label]) => vertical(at, label)).join("\n")}
${lines.join("\n")}
<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${
    HEIGHT - 6
  }" text-anchor="middle">${escapeHtml(x.label)}</text>
</svg>
<div class="legend">${
    shown.map(({ name }, index) =>
      `<span><i style="background:var(--c${index % COLORS})"></i>${
        escapeHtml(name)
      }</span>`
    ).join("")
  }</div>`;
}

function horizontal(y: number, label: string): string {
  return `<line class="grid" x1="${LEFT}" x2="${
    WIDTH - RIGHT
  }" y1="${y}" y2="${y}"/><text x="${LEFT - 8}" y="${
    y + 4
  }" text-anchor="end">${escapeHtml(label)}</text>`;
}

function vertical(x: number, label: string): string {
  return `<line class="grid" x1="${x}" x2="${x}" y1="${TOP}" y2="${
    HEIGHT - BOTTOM
  }"/><text x="${x}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${
    escapeHtml(label)
  }</text>`;
}

/** Smallest value on a logarithmic axis. */
const LEAST = 1e-4;

/** Positions of values on an axis. */
class Scale {
  readonly #axis: Axis;
  readonly #from: number;
  readonly #to: number;
  readonly #low: number;
  readonly #high: number;

  constructor(
    axis: Axis,
    values: readonly number[],
    from: number,
    to: number,
  ) {
    this.#axis = axis;
    this.#from = from;
    this.#to = to;
    let low = Infinity;
    let high = -Infinity;
    for (const value of values) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
    if (axis.scale === "log") {
      this.#low = Math.log10(Math.max(LEAST, low));
      this.#high = Math.log10(Math.max(LEAST, high));
    } else {
      this.#low = Math.min(0, low);
      this.#high = high;
    }
    if (this.#high - this.#low < 1e-9) this.#high = this.#low + 1;
  }

  /** Returns the position of a value. */
  at(value: number): number {
    const place = this.#axis.scale === "log"
      ? Math.log10(Math.max(LEAST, value))
      : value;
    const part = (place - this.#low) / (this.#high - this.#low);
    const position = this.#from + part * (this.#to - this.#from);
    return Math.round(position * 10) / 10;
  }

  /** Returns positions and texts of ticks. */
  ticks(): [at: number, label: string][] {
    const { format = String, ticks } = this.#axis;
    const [low, high] = this.#axis.scale === "log"
      ? [10 ** this.#low, 10 ** this.#high]
      : [this.#low, this.#high];
    const margin = (high - low) * 1e-6;
    return (ticks ??
      this.#roundNumbers().map((value) => [value, format(value)] as const))
      .filter(([value]) => value >= low - margin && value <= high + margin)
      .map(([value, label]) => [this.at(value), label]);
  }

  #roundNumbers(): number[] {
    if (this.#axis.scale === "log") {
      const values: number[] = [];
      const steps = this.#high - this.#low > 3 ? [1] : [1, 2, 5];
      for (
        let power = Math.floor(this.#low);
        power <= Math.ceil(this.#high);
        power++
      ) values.push(...steps.map((step) => step * 10 ** power));
      return values;
    }
    const raw = (this.#high - this.#low) / 5;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((each) => each * power)
      .find((each) => each >= raw) ?? raw;
    const first = Math.ceil(this.#low / step);
    const last = Math.floor(this.#high / step);
    return Array.from(
      { length: last - first + 1 },
      (_, index) => Number(((first + index) * step).toPrecision(12)),
    );
  }
}
