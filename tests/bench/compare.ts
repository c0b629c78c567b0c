/**
 * Compares subjects in one run: they take turns, and each is compared with the
 * first subject in the same round. A busy machine slows all of them, and the ratio
 * stays the same.
 *
 * @module
 */
import process from "node:process";

/** An implementation to measure. */
export interface Subject {
  /** Name in the table. */
  name: string;
  /** Does the work once and returns the amount, in the unit of the table. */
  run(): number | Promise<number>;
}

/** Options of a comparison. */
export interface Comparison {
  /** Title of the table. */
  title: string;
  /** Unit that `run` counts. */
  unit: "frames" | "bytes" | "calls";
  /** Subjects; the others are compared with the first. */
  subjects: Subject[];
  /**
   * Number of rounds, after one round for warming up.
   *
   * @default {12}
   */
  rounds?: number;
  /**
   * The time that counts. That of the processor does not depend on other
   * programs, but subjects must not wait.
   *
   * @default {"real"}
   */
  time?: "real" | "processor";
}

/** Runs a comparison and prints it. */
export async function compare(comparison: Comparison): Promise<void> {
  const { title, unit, subjects, rounds = 12, time = "real" } = comparison;
  const now = time === "real" ? () => performance.now() : processorTime;
  const rates: number[][] = subjects.map(() => []);
  const ratios: number[][] = subjects.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    const measured: number[] = [];
    for (let k = 0; k < subjects.length; k++) {
      // Each round starts with another subject: the previous one affects the next.
      const i = (round + k) % subjects.length;
      measured[i] = await rate(subjects[i]!, now);
    }
    if (round === 0) continue;
    measured.forEach((value, i) => {
      rates[i]!.push(value);
      ratios[i]!.push(value / measured[0]!);
    });
  }
  console.log(`\n${title}`);
  subjects.forEach(({ name }, i) => {
    const speed = written(median(rates[i]!), unit);
    const ratio = median(ratios[i]!).toFixed(2);
    console.log(
      `  ${name.padEnd(44)}${speed.padStart(18)}${ratio.padStart(8)}`,
    );
  });
}

/** Returns units of work per second. */
async function rate(subject: Subject, now: () => number): Promise<number> {
  const start = now();
  const amount = await subject.run();
  return amount / (now() - start) * 1000;
}

/** Returns the time in ms for which this process has used a processor. */
export function processorTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function written(perSecond: number, unit: Comparison["unit"]): string {
  return unit === "bytes"
    ? `${(perSecond / 1e9).toFixed(2)} GB/s`
    : `${(perSecond / 1e6).toFixed(2)} M ${unit}/s`;
}
