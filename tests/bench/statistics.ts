/**
 * Medians, quantiles, and verdicts on targets.
 *
 * @module
 */

/** The most or the least that a row may show. */
export type Target = { readonly least: number } | { readonly most: number };

/** Returns the median; `NaN` if there are no values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Returns a quantile, such as the 99th percentile.
 *
 * @param part 0.99 for the 99th percentile
 */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.floor(sorted.length * part);
  return sorted[Math.min(index, sorted.length - 1)] ?? NaN;
}

/** Returns the quotients of values that were measured in the same round. */
export function ratios(
  values: readonly number[],
  others: readonly number[],
): number[] {
  if (values.length !== others.length) {
    throw new Error(
      `${values.length} values cannot be paired with ${others.length}`,
    );
  }
  return values.map((value, index) => value / others[index]!);
}

/** Returns whether a value meets a target, and by how much it does not. */
export function verdict(value: number, target: Target | undefined): string {
  if (!Number.isFinite(value)) throw new Error(`${value} is not a result`);
  if (target === undefined) return "no target";
  const by = "least" in target
    ? 1 - value / target.least
    : value / target.most - 1;
  return by <= 0 ? "met" : `missed by ${Math.ceil(by * 100)} %`;
}

/** Returns a target as text, such as `≥ 2.2`. */
export function targetText(target: Target | undefined): string {
  if (target === undefined) return "";
  return "least" in target ? `≥ ${target.least}` : `≤ ${target.most}`;
}

/** Returns a number with three significant digits. */
export function short(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return `${value}`;
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return digits > 0
    ? value.toFixed(Math.min(digits, 3))
    : Math.round(value).toLocaleString("en");
}
