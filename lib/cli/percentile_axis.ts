/**
 * An axis of percentiles, on which each nine takes equal space.
 *
 * @module
 */
import type { Histogram } from "./histogram.ts";

/** Positions of percentiles on the axis: 1 / (1 - share). */
export const PERCENTILES: readonly (readonly [at: number, label: string])[] = [
  [1, "0"],
  [2, "50"],
  [10, "90"],
  [100, "99"],
  [1000, "99.9"],
  [10_000, "99.99"],
  [100_000, "99.999"],
];

/** Number of points of a curve. */
const POINTS = 120;

/** Returns the values of a histogram on the axis. */
export function byPercentile(
  histogram: Histogram,
): (readonly [x: number, y: number])[] {
  const last = Math.log10(Math.max(2, histogram.count));
  return Array.from({ length: POINTS + 1 }, (_, index) => {
    const x = 10 ** (index / POINTS * last);
    return [x, histogram.percentile(1 - 1 / x)] as const;
  });
}
