/**
 * Random numbers that a seed repeats.
 *
 * @module
 */

/**
 * Returns a generator of random numbers (Mulberry32).
 *
 * They are from 0 up to, but excluding, 1.
 *
 * @param seed an integer, of which the lower 32 bits count
 * @throws {RangeError} if the seed is not an integer
 */
export function seededRandom(seed: number): () => number {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot use seed ${seed}: it must be an integer`);
  }
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
