/**
 * Searches bytes for the first of several delimiters.
 *
 * @module
 */
import { indexOfByte, startsWith } from "./uint.ts";

/**
 * A search for the first occurrence of any of several byte strings. If two
 * begin at the same offset, the one listed first wins, even if its last byte
 * has not arrived yet.
 */
export class DelimiterSearch {
  /** Length in bytes of the delimiter that was found. */
  matched = 0;
  /** Offset at which the next search must begin, if nothing was found. */
  resume = 0;
  readonly #delimiters: readonly Uint8Array[];
  /** For each byte value, 1 if a delimiter begins with it. */
  readonly #begins = new Uint8Array(256);

  /** The longer delimiter of a pair such as LF and CR LF. */
  readonly #pair: readonly [before: number, last: number] | undefined;

  constructor(delimiters: readonly Uint8Array[]) {
    this.#delimiters = delimiters;
    for (const delimiter of delimiters) this.#begins[delimiter[0]!] = 1;
    this.#pair = pairOf(delimiters);
  }

  /**
   * Returns the offset of the first delimiter, or -1.
   *
   * @param last whether no byte follows `end`, so that a delimiter which has
   * begun does not match
   */
  find(bytes: Uint8Array, from: number, end: number, last = false): number {
    if (this.#pair !== undefined) {
      return this.#findPair(bytes, from, end, this.#pair[0], this.#pair[1]);
    }
    let at = this.#candidate(bytes, from, end);
    for (; at !== -1; at = this.#candidate(bytes, at + 1, end)) {
      const match = this.#match(bytes, at, end, last);
      if (match === "yes") return at;
      if (match === "partial") {
        this.resume = at;
        return -1;
      }
    }
    this.resume = end;
    return -1;
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

  #candidate(bytes: Uint8Array, from: number, end: number): number {
    if (this.#delimiters.length === 1) {
      return indexOfByte(bytes, this.#delimiters[0]![0]!, from, end);
    }
    const begins = this.#begins;
    for (let i = from; i < end; i++) if (begins[bytes[i]!] === 1) return i;
    return -1;
  }

  #match(
    bytes: Uint8Array,
    at: number,
    end: number,
    last: boolean,
  ): "yes" | "no" | "partial" {
    for (const delimiter of this.#delimiters) {
      const length = Math.min(delimiter.length, end - at);
      if (!startsWith(bytes, at, length, delimiter)) continue;
      if (length === delimiter.length) {
        this.matched = length;
        return "yes";
      }
      if (!last) return "partial";
    }
    return "no";
  }
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
