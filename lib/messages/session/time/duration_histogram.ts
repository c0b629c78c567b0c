/**
 * A histogram of durations that takes little memory and time.
 *
 * @module
 */

/** Buckets for each power of two; a value is off by at most 1/16. */
const SUB_BUCKETS = 8;
/** log2 of {@linkcode SUB_BUCKETS}. */
const SUB_BITS = 3;
/** Units in a millisecond: µs. */
const UNITS = 1_000;
/** Longest duration that has a bucket of its own, in units: 35 minutes. */
const MAX = 2 ** 31 - 1;
const BUCKETS = /* @__PURE__ */ indexOf(MAX) + 1;

/**
 * Percentiles of durations, in ms.
 *
 * @category Figures
 */
export interface DurationFigures {
  /** Number of durations. */
  readonly count: number;
  /** Half of the durations are at most this long; 0 without durations. */
  readonly p50: number;
  /** 90 % of the durations are at most this long. */
  readonly p90: number;
  /** 99 % of the durations are at most this long. */
  readonly p99: number;
  /** The longest duration. */
  readonly max: number;
}

/** Durations by logarithmic buckets: 1 KB after the first, and none before. */
export class DurationHistogram {
  #buckets: Uint32Array | undefined = undefined;
  #count = 0;
  #max = 0;

  /** Adds a duration in ms. */
  add(ms: number): void {
    const buckets = this.#buckets ??= new Uint32Array(BUCKETS);
    const units = Math.min(MAX, Math.max(0, Math.round(ms * UNITS)));
    buckets[indexOf(units)]!++; // in range
    this.#count++;
    if (ms > this.#max) this.#max = ms;
  }

  /** Returns the percentiles; they are exact to 6 %. */
  figures(): DurationFigures {
    return {
      count: this.#count,
      p50: this.#percentile(0.5),
      p90: this.#percentile(0.9),
      p99: this.#percentile(0.99),
      max: this.#max,
    };
  }

  #percentile(share: number): number {
    const rank = Math.ceil(share * this.#count);
    let seen = 0;
    for (const [index, count] of (this.#buckets ?? []).entries()) {
      seen += count;
      if (seen >= rank && count > 0) {
        return Math.min(this.#max, middleOf(index) / UNITS);
      }
    }
    return this.#max;
  }
}

/** Returns the bucket of a duration in units. */
function indexOf(units: number): number {
  if (units < SUB_BUCKETS) return units;
  const exponent = 31 - Math.clz32(units) - SUB_BITS;
  return exponent * SUB_BUCKETS + (units >>> exponent);
}

/** Returns the middle of a bucket, in units. */
function middleOf(index: number): number {
  if (index < 2 * SUB_BUCKETS) return index;
  const exponent = Math.floor(index / SUB_BUCKETS) - 1;
  const least = (index - exponent * SUB_BUCKETS) * 2 ** exponent;
  return least + (2 ** exponent - 1) / 2;
}
