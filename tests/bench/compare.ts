/**
 * Side by side in one run: the subjects take turns, round by round, and each
 * is compared with the first of the same round. A busy machine then slows all
 * of them, and the ratio stays.
 *
 * @module
 */

/** One way to do the work. */
export interface Subject {
  /** What the table calls it. */
  name: string;
  /** Does the work once and says how much it was, in the unit of the table. */
  run(): number | Promise<number>;
}

/** What is compared, and how often. */
export interface Comparison {
  /** Headline of the table. */
  title: string;
  /** What `run` counts. */
  unit: "frames" | "bytes";
  /** The first one is what the others are compared with. */
  subjects: Subject[];
  /**
   * Rounds that count; one more comes first, to warm up.
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
      // Another one begins each round: some gain or lose by who ran before.
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

/** Units of work per second. */
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
