/**
 * Draws measurements over time as SVG.
 *
 * @module
 */

/** A line of a chart. */
export interface Series {
  readonly name: string;
  /** Points: seconds and value. */
  readonly points: readonly (readonly [seconds: number, value: number])[];
}

/** A chart with its own scale. */
export interface Chart {
  readonly title: string;
  readonly series: readonly Series[];
}

/** Something that happened at a time. */
export interface Mark {
  readonly seconds: number;
  readonly what: string;
}

const WIDTH = 1_000;
const HEIGHT = 220;
const LEFT = 60;
const COLORS = [
  "#0969da",
  "#cf222e",
  "#1a7f37",
  "#8250df",
  "#bf8700",
  "#bf3989",
  "#1b7c83",
  "#57606a",
];

/** Returns the charts, one below the other, with marks in each. */
export function plot(charts: readonly Chart[], marks: readonly Mark[]): string {
  const end = Math.max(
    1,
    ...charts.flatMap(({ series }) =>
      series.flatMap(({ points }) => points.map(([seconds]) => seconds))
    ),
  );
  const x = (seconds: number) => LEFT + (WIDTH - LEFT - 10) * seconds / end;
  const parts = charts.map((chart, index) =>
    `<g transform="translate(0 ${index * HEIGHT})">${
      drawChart(chart, marks, x)
    }</g>`
  );
  const height = charts.length * HEIGHT + 20;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="11">
<rect width="100%" height="100%" fill="white"/>
${parts.join("\n")}
<text x="${LEFT}" y="${height - 4}">seconds, 0 to ${Math.round(end)}</text>
</svg>
`;
}

function drawChart(
  { title, series }: Chart,
  marks: readonly Mark[],
  x: (seconds: number) => number,
): string {
  const most = Math.max(
    1,
    ...series.flatMap(({ points }) => points.map(([, value]) => value)),
  );
  const y = (value: number) => HEIGHT - 20 - (HEIGHT - 50) * value / most;
  const lines = series.map(({ name, points }, index) => {
    const color = COLORS[index % COLORS.length];
    const path = points.map(([seconds, value]) =>
      `${x(seconds).toFixed(1)},${y(value).toFixed(1)}`
    );
    return `<polyline fill="none" stroke="${color}" points="${path.join(" ")}"/>
<text x="${LEFT + 160 + index * 60}" y="16" fill="${color}">${name}</text>`;
  });
  const ticks = marks.map(({ seconds, what }) =>
    `<line x1="${x(seconds)}" x2="${x(seconds)}" y1="26" y2="${
      HEIGHT - 20
    }" stroke="#eee"><title>${what}</title></line>`
  );
  return `${ticks.join("")}
<text x="${LEFT}" y="16" font-weight="bold">${title}</text>
<text x="4" y="34">${format(most)}</text><text x="4" y="${HEIGHT - 20}">0</text>
<line x1="${LEFT}" x2="${WIDTH - 10}" y1="${HEIGHT - 20}" y2="${
    HEIGHT - 20
  }" stroke="#888"/>
${lines.join("\n")}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
