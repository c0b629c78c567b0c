/**
 * Rows of the table of targets. A row compares the library with something else:
 * both take turns in each round, and the result is the median of the quotients of
 * the rounds.
 *
 * @module
 */
import { processorTime } from "./compare.ts";
import type { BenchOptions } from "./options.ts";
import {
  median,
  ratios,
  type Target,
  targetText,
  verdict,
} from "./statistics.ts";
import { short } from "./statistics.ts";

/** A row of the table. */
export interface Row {
  /** Name on the command line. */
  readonly name: string;
  /** The measured work. */
  readonly title: string;
  /** The work that it is compared with. */
  readonly against: string;
  /** Target of the ratio, or of the value if the row is absolute. */
  readonly target?: Target;
  /** Group, which is the command that runs the row together with others. */
  readonly group: "rows" | "link";
  /** Measures it. */
  measure(options: BenchOptions): Promise<Outcome>;
}

/** Results of the rounds of a row. */
export interface Outcome {
  /** Values of the library, one for each round. */
  readonly values: readonly number[];
  /** Values that they are compared with, one for each round. */
  readonly others: readonly number[];
  /** Unit of the values. */
  readonly unit: string;
  /**
   * Whether the target is for the value itself, and not for the ratio.
   *
   * @default {false}
   */
  readonly absolute?: boolean;
  /** Further figures. */
  readonly note?: string;
}

/** The figures of a row. */
export interface Shown {
  readonly name: string;
  readonly title: string;
  readonly against: string;
  /** Median of the values of the library. */
  readonly value: number;
  /** Median of the values that they are compared with. */
  readonly other: number;
  readonly unit: string;
  /** Median of the quotients, the least and the largest. */
  readonly ratio: number;
  readonly least: number;
  readonly largest: number;
  readonly target: string;
  readonly verdict: string;
  readonly note: string;
}

/** Evaluates the results of a row. */
export function show(row: Row, outcome: Outcome): Shown {
  const { values, others, unit, absolute = false, note = "" } = outcome;
  const quotients = ratios(values, others);
  const ratio = median(quotients);
  const value = median(values);
  return {
    name: row.name,
    title: row.title,
    against: row.against,
    value,
    other: median(others),
    unit,
    ratio,
    least: Math.min(...quotients),
    largest: Math.max(...quotients),
    target: targetText(row.target) + (absolute ? ` ${unit}` : ""),
    verdict: verdict(absolute ? value : ratio, row.target),
    note,
  };
}

/** Returns lines for a terminal. */
export function text(shown: Shown): string {
  const { title, against, value, other, unit, ratio, least, largest } = shown;
  const lines = [
    `${title}, against ${against}`,
    `  ${short(value)} against ${short(other)} ${unit}: ratio ${
      short(ratio)
    } (${short(least)}–${short(largest)}); target ${
      shown.target || "none"
    }: ${shown.verdict}`,
  ];
  if (shown.note !== "") lines.push(`  ${shown.note}`);
  return lines.join("\n");
}

/** Returns a row of a Markdown table; {@linkcode MARKDOWN_HEAD} is its head. */
export function markdown(shown: Shown): string {
  const { name, title, against, value, other, unit, ratio, least, largest } =
    shown;
  const cells = [
    title,
    against,
    `${short(ratio)} (${short(least)}–${short(largest)})`,
    shown.target,
    shown.verdict,
    `${short(value)} against ${short(other)} ${unit}${
      shown.note === "" ? "" : `; ${shown.note}`
    }`,
    `\`${name}\``,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Head of the Markdown table. */
export const MARKDOWN_HEAD: string = [
  "| what | against | ratio (least–largest) | target | verdict | figures | row |",
  "| --- | --- | --- | --- | --- | --- | --- |",
].join("\n");

/** A subject: does its work once and returns a figure. */
export type Measure = () => Promise<number>;

/**
 * Lets two subjects take turns, after one round for warming up.
 *
 * @param rounds number of rounds; each begins with the other subject
 */
export async function interleave(
  ours: Measure,
  other: Measure,
  rounds: number,
): Promise<{ values: number[]; others: number[] }> {
  const values: number[] = [];
  const others: number[] = [];
  for (let round = -1; round < rounds; round++) {
    let value: number, otherValue: number;
    if (round % 2 === 0) {
      value = await ours();
      otherValue = await other();
    } else {
      otherValue = await other();
      value = await ours();
    }
    if (round < 0) continue;
    values.push(value);
    others.push(otherValue);
  }
  return { values, others };
}

/** Returns how much was done in a second. */
export async function perSecond(
  amount: number,
  work: () => Promise<void>,
): Promise<number> {
  const start = performance.now();
  await work();
  return amount / (performance.now() - start) * 1000;
}

/**
 * Returns how much was done in a second of processor time, which other programs
 * affect less. The work must not wait.
 */
export async function perProcessorSecond(
  amount: number,
  work: () => void | Promise<void>,
): Promise<number> {
  const start = processorTime();
  await work();
  return amount / (processorTime() - start) * 1000;
}

/** Throws if a count is wrong, so that no figure stands for lost work. */
export function expectCount(what: string, found: number, wanted: number): void {
  if (found !== wanted) {
    throw new Error(`${what}: ${found} arrived, but ${wanted} were sent`);
  }
}
