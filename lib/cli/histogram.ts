/**
 * Histograms of durations with a fixed relative error.
 *
 * @module
 */

/** Buckets per power of two; the error of a value is at most 1/128 = 0.8 %. */
const SUB_BUCKETS = 128;

/** log2 of {@linkcode SUB_BUCKETS}. */
const SUB_BITS = 7;

/** Units per millisecond: the smallest difference is 0.1 µs. */
const UNITS = 10_000;

/** A histogram as JSON: only the buckets that contain values. */
export interface HistogramData {
  /** Buckets as pairs of an index and a count. */
  readonly buckets: readonly (readonly [index: number, count: number])[];
  /** Number of values. */
  readonly count: number;
  /** Sum of the values, in ms. */
  readonly sum: number;
  /** Smallest value, in ms; 0 without values. */
  readonly min: number;
  /** Largest value, in ms; 0 without values. */
  readonly max: number;
}

/** A histogram of durations in milliseconds. */
export class Histogram {
  #counts: number[] = [];
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  /** Number of values. */
  get count(): number {
    return this.#count;
  }

  /** Largest value, in ms; 0 without values. */
  get max(): number {
    return this.#max;
  }

  /** Mean of the values, in ms; 0 without values. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** Adds a duration; one below 0 counts as 0. */
  record(ms: number): void {
    const value = Math.max(0, ms);
    const index = indexOf(Math.round(value * UNITS));
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  /** Adds the values of another histogram. */
  merge(other: Histogram): void {
    other.#counts.forEach((count, index) => {
      this.#counts[index] = (this.#counts[index] ?? 0) + count;
    });
    this.#count += other.#count;
    this.#sum += other.#sum;
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  /**
   * Returns a percentile, in ms.
   *
   * @param share from 0 to 1: 0.99 for p99
   */
  percentile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (const [index, count] of this.buckets()) {
      seen += count;
      if (seen >= rank) {
        return Math.min(this.#max, Math.max(this.#min, upperEdge(index)));
      }
    }
    return this.#max;
  }

  /** Yields the buckets that contain values, smallest first. */
  *buckets(): Generator<readonly [index: number, count: number]> {
    for (const [index, count] of this.#counts.entries()) {
      if (count !== undefined) yield [index, count];
    }
  }

  /** Returns the histogram as JSON. */
  toJSON(): HistogramData {
    return {
      buckets: [...this.buckets()],
      count: this.#count,
      sum: this.#sum,
      min: this.#count === 0 ? 0 : this.#min,
      max: this.#max,
    };
  }

  /** Returns the histogram that {@linkcode Histogram.toJSON} described. */
  static from({ buckets, count, sum, min, max }: HistogramData): Histogram {
    const histogram = new Histogram();
    for (const [index, count] of buckets) histogram.#counts[index] = count;
    histogram.#count = count;
    histogram.#sum = sum;
    histogram.#min = count === 0 ? Infinity : min;
    histogram.#max = max;
    return histogram;
  }
}

/** Returns the bucket of a value in units. */
function indexOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const exponent = Math.floor(Math.log2(units)) - SUB_BITS;
  return (exponent + 1) * SUB_BUCKETS +
    Math.floor(units / 2 ** exponent) - SUB_BUCKETS;
}

/** Returns the largest value of a bucket, in ms. */
export function upperEdge(index: number): number {
  if (index < SUB_BUCKETS) return index / UNITS;
  const exponent = Math.floor(index / SUB_BUCKETS) - 1;
  const sub = index % SUB_BUCKETS + SUB_BUCKETS;
  return ((sub + 1) * 2 ** exponent - 1) / UNITS;
}
