/**
 * Finds strings of digits that V8 would intern slowly.
 *
 * `JSON.parse` interns short strings. V8's hash of a string that is an array
 * index, such as "65536", is the lower 24 bits of the index, without a seed.
 * Interning n strings whose hashes collide takes time in proportion to n².
 *
 * @module
 */

/** Number of strings whose collisions cost little. */
const FEW = 64;
const BUCKETS = 1 << 16;
/** Number of strings in a bucket that costs little. */
const FEW_IN_BUCKET = 8;
/** Multiple of the average load that is not suspicious. */
const UNEVEN = 4;

/** For each remainder of an index, the number of strings; shared by all codecs. */
let counts: Uint32Array | undefined;

/** Counter of the strings of one body at a time. */
export class DigitStrings {
  #count = 0;
  #most = 0;

  /** Begins a body. */
  begin(): void {
    this.#count = 0;
    this.#most = 0;
  }

  /** Adds a string that spells an array index. */
  add(index: number): void {
    if (++this.#count <= FEW) return;
    counts ??= new Uint32Array(BUCKETS);
    if (this.#count === FEW + 1) counts.fill(0);
    const found = ++counts[index & BUCKETS - 1]!;
    if (found > this.#most) this.#most = found;
  }

  /** Whether the strings are unlikely to have different hashes. */
  get collide(): boolean {
    return this.#most > FEW_IN_BUCKET + UNEVEN * this.#count / BUCKETS;
  }
}
