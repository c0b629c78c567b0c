import { indexOfByte, startsWith } from "./uint.ts";

/**
 * Finds the first of several byte strings. Where two begin at the same place
 * the one listed first wins, also if its last byte has yet to come.
 */
export class DelimiterSearch {
  /** Bytes of the delimiter that was found. */
  matched = 0;
  /** Where the next search has to begin, if nothing was found. */
  resume = 0;
  readonly #delimiters: readonly Uint8Array[];
  /** For each byte whether a delimiter begins with it. */
  readonly #begins = new Uint8Array(256);

  /** The two bytes of delimiters like LF and CR LF, which are found at once. */
  readonly #pair: readonly [before: number, last: number] | undefined;

  constructor(delimiters: readonly Uint8Array[]) {
    this.#delimiters = delimiters;
    for (const delimiter of delimiters) this.#begins[delimiter[0]!] = 1;
    this.#pair = pairOf(delimiters);
  }

  /** Where the first delimiter begins, or -1. */
  find(bytes: Uint8Array, from: number, end: number): number {
    if (this.#pair !== undefined) {
      return this.#findPair(bytes, from, end, this.#pair[0], this.#pair[1]);
    }
    let at = this.#candidate(bytes, from, end);
    for (; at !== -1; at = this.#candidate(bytes, at + 1, end)) {
      const verdict = this.#match(bytes, at, end);
      if (verdict === "yes") return at;
      if (verdict === "wait") {
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
      const half = end > from && bytes[end - 1] === before;
      this.resume = half ? end - 1 : end;
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

  #match(bytes: Uint8Array, at: number, end: number): "yes" | "no" | "wait" {
    for (const delimiter of this.#delimiters) {
      const length = Math.min(delimiter.length, end - at);
      if (!startsWith(bytes, at, length, delimiter)) continue;
      if (length < delimiter.length) return "wait";
      this.matched = length;
      return "yes";
    }
    return "no";
  }
}

/** One delimiter is a single byte, the other another byte and that one. */
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
