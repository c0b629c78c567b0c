/**
 * Searches bytes for the first of several delimiters.
 *
 * A search makes at most two comparisons per byte with each delimiter on average,
 * whatever the bytes are (Knuth, Morris and Pratt, "Fast pattern matching in
 * strings", 1977). A search that continues does not compare earlier bytes again.
 *
 * @module
 */
import { indexOfByte } from "./uint.ts";

/** Delimiters, prepared for searches. Any number of searches may share them. */
export class Delimiters {
  /** The delimiters; the first ones win. */
  readonly list: readonly Uint8Array[];
  /** Length in bytes of the longest delimiter. */
  readonly longest: number;
  /**
   * For each delimiter: the bytes of it that are still matched after `n` bytes
   * of it, if the next one does not match.
   */
  readonly borders: readonly (Uint16Array | Uint32Array)[];
  /** For each byte value, 1 if a delimiter begins with it. */
  readonly begins: Uint8Array = new Uint8Array(256);
  /** The longer delimiter of a pair such as LF and CR LF. */
  readonly pair: readonly [before: number, last: number] | undefined;

  constructor(list: readonly Uint8Array[]) {
    this.list = list;
    this.longest = Math.max(...list.map(({ length }) => length));
    this.borders = list.map(bordersOf);
    for (const delimiter of list) this.begins[delimiter[0]!] = 1;
    this.pair = pairOf(list);
  }
}

/**
 * A search for the first occurrence of any of several byte strings. If two
 * begin at the same offset, the one listed first wins, even if its last byte
 * has not arrived yet.
 *
 * If nothing was found, the next search continues at `resume`, possibly in other
 * memory. If something was found, it may begin anywhere.
 */
export class DelimiterSearch {
  /** Length in bytes of the delimiter that was found. */
  matched = 0;
  /** Offset at which the next search must begin, if nothing was found. */
  resume = 0;
  readonly #delimiters: Delimiters;
  /** Number of bytes after `resume` that have been compared. */
  #ahead = 0;
  /** For each delimiter, the number of its bytes that end there. */
  readonly #states: number[];
  /** The delimiter found so far, which others may still precede; or -1. */
  #best = -1;
  /** Offset of that delimiter after `resume`. */
  #bestAt = 0;

  constructor(delimiters: Delimiters) {
    this.#delimiters = delimiters;
    this.#states = delimiters.list.map(() => 0);
  }

  /**
   * Returns the offset of the first delimiter, or -1.
   *
   * @param last whether no byte follows `end`, so that a delimiter which has
   * begun does not match
   */
  find(bytes: Uint8Array, from: number, end: number, last = false): number {
    const { list, pair } = this.#delimiters;
    const found = pair !== undefined
      ? this.#findPair(bytes, from, end, pair[0], pair[1])
      : list.length === 1
      ? this.#findOne(bytes, from, end, list[0]!)
      : this.#findFirst(bytes, from, end, last);
    if (last) this.reset();
    return found;
  }

  /** Forgets what has been compared: the next search does not continue. */
  reset(): void {
    this.#ahead = 0;
    this.#states.fill(0);
    this.#best = -1;
  }

  #findPair(
    bytes: Uint8Array,
    from: number,
    end: number,
    before: number,
    last: number,
  ): number {
    const at = indexOfByte(bytes, last, from, end);
    if (at === -1) {
      const partial = end > from && bytes[end - 1] === before;
      this.resume = partial ? end - 1 : end;
      return -1;
    }
    this.matched = at > from && bytes[at - 1] === before ? 2 : 1;
    return at + 1 - this.matched;
  }

  #findOne(
    bytes: Uint8Array,
    from: number,
    end: number,
    delimiter: Uint8Array,
  ): number {
    const { length } = delimiter;
    const first = delimiter[0]!;
    const borders = this.#delimiters.borders[0]!;
    let state = this.#ahead;
    let at = from + state;
    for (;;) {
      if (state === 0) {
        at = indexOfByte(bytes, first, at, end);
        if (at === -1) {
          this.resume = end;
          this.#ahead = 0;
          return -1;
        }
        at++;
        state = 1;
      }
      while (state < length && at < end && bytes[at] === delimiter[state]) {
        at++;
        state++;
      }
      if (state === length) {
        this.matched = length;
        this.#ahead = 0;
        return at - length;
      }
      if (at === end) {
        this.resume = end - state;
        this.#ahead = state;
        return -1;
      }
      state = borders[state]!;
    }
  }

  #findFirst(
    bytes: Uint8Array,
    from: number,
    end: number,
    last: boolean,
  ): number {
    const states = this.#states;
    let at = from + this.#ahead;
    let best = this.#best;
    let bestAt = from + this.#bestAt;
    /** The earliest offset at which a delimiter may have begun. */
    let begun = this.#ahead > 0 ? from : Infinity;
    for (;;) {
      if (begun === Infinity) {
        at = this.#candidate(bytes, at, end);
        if (at === -1) {
          this.resume = end;
          this.reset();
          return -1;
        }
      }
      if (at === end) break;
      const byte = bytes[at++]!;
      begun = Infinity;
      let open = false;
      for (let i = 0; i < states.length; i++) {
        const state = this.#step(i, byte);
        const { length } = this.#delimiters.list[i]!;
        const start = at - state;
        if (state === length) {
          if (best === -1 || start < bestAt || (start === bestAt && i < best)) {
            best = i;
            bestAt = start;
          }
        } else if (state > 0) {
          begun = Math.min(begun, start);
        }
      }
      if (best === -1) continue;
      begun = Math.min(begun, bestAt);
      for (let i = 0; i < states.length; i++) {
        const state = states[i]!;
        if (state === 0 || state === this.#delimiters.list[i]!.length) continue;
        const start = at - state;
        open ||= start < bestAt || (start === bestAt && i < best);
      }
      if (!open) return this.#found(best, bestAt);
    }
    if (last && best !== -1) return this.#found(best, bestAt);
    this.resume = begun;
    this.#ahead = end - begun;
    this.#best = best;
    this.#bestAt = bestAt - begun;
    return -1;
  }

  #found(best: number, at: number): number {
    this.matched = this.#delimiters.list[best]!.length;
    this.reset();
    return at;
  }

  /** Returns the matched bytes of a delimiter after one more byte. */
  #step(index: number, byte: number): number {
    const delimiter = this.#delimiters.list[index]!;
    const borders = this.#delimiters.borders[index]!;
    let state = this.#states[index]!;
    if (state === delimiter.length) state = borders[state]!;
    while (state > 0 && delimiter[state] !== byte) state = borders[state]!;
    if (delimiter[state] === byte) state++;
    return this.#states[index] = state;
  }

  #candidate(bytes: Uint8Array, from: number, end: number): number {
    const { begins } = this.#delimiters;
    for (let i = from; i < end; i++) if (begins[bytes[i]!] === 1) return i;
    return -1;
  }
}

/**
 * Returns the lengths of the borders of all beginnings of a delimiter. A border
 * is the longest shorter beginning that also ends it.
 */
function bordersOf(delimiter: Uint8Array): Uint16Array {
  const { length } = delimiter;
  // A delimiter has at most 64 KiB, and its borders are shorter.
  const borders = new Uint16Array(length + 1);
  let border = 0;
  for (let i = 1; i < length; i++) {
    while (border > 0 && delimiter[border] !== delimiter[i]) {
      border = borders[border]!;
    }
    if (delimiter[border] === delimiter[i]) border++;
    borders[i + 1] = border;
  }
  return borders;
}

/**
 * Returns the longer delimiter's two bytes, if the delimiters are a pair. A
 * pair is a delimiter of one byte and a delimiter of two different bytes that
 * ends with it, such as LF and CR LF.
 */
function pairOf(
  delimiters: readonly Uint8Array[],
): readonly [before: number, last: number] | undefined {
  const [short, long] = delimiters.toSorted((a, b) => a.length - b.length);
  if (delimiters.length !== 2 || short!.length !== 1 || long!.length !== 2) {
    return undefined;
  }
  const [before, last] = long!;
  return last === short![0] && before !== last ? [before!, last!] : undefined;
}
