/**
 * Compares subjects in one run: they take turns, and each is compared with the
 * first subject in the same round. A busy machine slows all of them, and the ratio
 * stays the same.
 *
 * @module
 */

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
  unit: "frames" | "bytes";
  /** Subjects; the others are compared with the first. */
  subjects: Subject[];
  /**
   * Number of rounds, after one round for warming up.
   *
   * @default {12}
   */
  rounds?: number;
}

/** Runs a comparison and prints it. */
export async function compare(comparison: Comparison): Promise<void> {
  const { title, unit, subjects, rounds = 12 } = comparison;
  const rates: number[][] = subjects.map(() => []);
  const ratios: number[][] = subjects.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    const measured: number[] = [];
    for (let k = 0; k < subjects.length; k++) {
      // Each round starts with another subject: the previous one affects the next.
      const i = (round + k) % subjects.length;
      measured[i] = await rate(subjects[i]!);
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
async function rate(subject: Subject): Promise<number> {
  const start = performance.now();
  const amount = await subject.run();
  return amount / (performance.now() - start) * 1000;
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function written(perSecond: number, unit: "frames" | "bytes"): string {
  return unit === "bytes"
    ? `${(perSecond / 1e9).toFixed(2)} GB/s`
    : `${(perSecond / 1e6).toFixed(2)} M frames/s`;
}
