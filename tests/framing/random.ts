/** Creates a small pseudo-random number generator; a seed repeats its output. */
export function mulberry32(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * below);
  };
}

/** Yields copies of a stream's pieces; `length` returns each one's length. */
export function* cuts(
  wire: Uint8Array,
  length: () => number,
): Generator<Uint8Array> {
  for (let at = 0; at < wire.length;) {
    const end = at + length();
    yield wire.slice(at, end);
    at = end;
  }
}
