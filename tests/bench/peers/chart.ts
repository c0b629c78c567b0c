/**
 * Draws the results as SVG, readable on light and dark pages.
 *
 * @module
 */
import { figuresOf, type Results, type Workload } from "./results.ts";
import { count } from "./table.ts";

const WIDTH = 860;
const LABELS = 270; // width of the names
const VALUES = 130; // width of the figures after the bars
const ROW = 22;
const PANELS: readonly (readonly [workload: Workload, title: string])[] = [
  ["unary64", "Unary calls per second, 64 in flight"],
  ["stream", "Items per second of one server stream"],
];

const STYLE =
  `text{font:13px system-ui,sans-serif;fill:#1f2328}.t{font-weight:600;font-size:15px}
.n{fill:#59636e}.p{fill:#ffffff;stroke:#d1d9e0}.b{fill:#8c959f}.l{fill:#0969da}.o{fill:#b6bfc9}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.n{fill:#9198a1}.p{fill:#0d1117;stroke:#3d444d}
.b{fill:#9198a1}.l{fill:#4493f8}.o{fill:#3d444d}}`;

/** Returns the chart: linear bars, the fastest peer first. */
export function chart(results: Results): string {
  const parts: string[] = [];
  let y = 16;
  for (const [workload, title] of PANELS) {
    const bars = results.peers.flatMap((peer) => {
      const figures = figuresOf(results, peer, workload);
      return figures === undefined ? [] : [{ peer, figures }];
    }).toSorted((a, b) => b.figures.rate.median - a.figures.rate.median);
    const most = Math.max(1, ...bars.map(({ figures }) => figures.rate.median));
    parts.push(`<text class="t" x="16" y="${y + 16}">${title}</text>`);
    y += 30;
    for (const { peer, figures: { rate, ratio } } of bars) {
      const length = (WIDTH - LABELS - VALUES - 16) * rate.median / most;
      const kind = { bare: "b", lengthwise: "l" }[peer.name] ?? "o";
      const weight = kind === "l" ? ' font-weight="600"' : "";
      const middle = y + 15;
      const times = `${ratio.median.toPrecision(2)} ×`;
      parts.push(
        `<text x="${LABELS - 8}" y="${middle}" text-anchor="end"${weight}>${
          escaped(peer.title)
        }</text>`,
        `<rect class="${kind}" x="${LABELS}" y="${y + 3}" width="${
          Math.max(1, length).toFixed(1)
        }" height="${ROW - 6}" rx="2"/>`,
        `<text class="n" x="${
          (LABELS + length + 6).toFixed(1)
        }" y="${middle}"${weight}>${count(rate.median)} (${times})</text>`,
      );
      y += ROW;
    }
    y += 14;
  }
  parts.push(
    `<text class="n" x="16" y="${y + 12}">${
      escaped(
        `Medians; in parentheses, the ratio to bare in the same round. ${results.machine}, two processes, loopback.`,
      )
    }</text>`,
  );
  const height = y + 28;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Speed of Lengthwise and its peers">
<style>${STYLE}</style>
<rect class="p" x="0.5" y="0.5" width="${WIDTH - 1}" height="${
    height - 1
  }" rx="6"/>
${parts.join("\n")}
</svg>
`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
