/**
 * Measures and checks the frames of `prefixed()`.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { Delimiters, DelimiterSearch } from "../decode/delimiter_search.ts";
import { Layout } from "../decode/layout.ts";
import { startsWith, view } from "../decode/uint.ts";
import type { Prefix, PrefixLengths } from "./prefix.ts";

/** A prefix that need not be written. */
export type ReadPrefix = Omit<Prefix, "write">;

/** The bytes, or the number of bytes, after a payload. */
export interface Trailer {
  readonly length: number;
  /** The required bytes; absent if any bytes may follow. */
  readonly bytes?: Uint8Array | undefined;
  /** Finds the end of a payload; absent if no search is possible. */
  readonly search?: DelimiterSearch | undefined;
}

/** Known bytes after a payload. */
class KnownTrailer implements Trailer {
  readonly length: number;
  readonly bytes: Uint8Array;
  #search: DelimiterSearch | undefined;

  constructor(bytes: Uint8Array) {
    this.length = bytes.length;
    this.bytes = bytes;
  }

  // Most trailers follow a payload of known length and are never searched.
  get search(): DelimiterSearch | undefined {
    if (this.length === 0) return undefined;
    return this.#search ??= new DelimiterSearch(new Delimiters([this.bytes]));
  }
}

const NO_TRAILER: Trailer = { length: 0 };

/** Converts what `read` returns for trailers; the same one is made only once. */
export class TrailerCache {
  #given: PrefixLengths[2];
  #trailer: Trailer = NO_TRAILER;

  of(given: PrefixLengths[2]): Trailer {
    if (given === undefined || given === 0) return NO_TRAILER;
    if (typeof given === "number") return { length: given };
    // A byte array may have been changed since.
    if (given === this.#given && typeof given === "string") {
      return this.#trailer;
    }
    this.#given = given;
    const bytes = typeof given === "string"
      ? new TextEncoder().encode(given)
      : new Uint8Array(given);
    return this.#trailer = new KnownTrailer(bytes);
  }
}

/** The layout of frames with a custom prefix. */
export class PrefixedLayout extends Layout {
  readonly #prefix: ReadPrefix;
  readonly #keep: boolean;
  readonly #maxTrailer: number;
  readonly #trailers = new TrailerCache();
  /** Number of bytes of this frame that `read` has seen. */
  #seen = 0;
  /** Length of the prefix of the frame measured last. */
  #header = 0;
  #trailer: Trailer = NO_TRAILER;
  /** Whether the trailer that ends the payload must still be found. */
  #searching = false;
  /** Number of payload bytes in which no trailer begins. */
  #searched = 0;
  #discarding = false;
  /** Number of bytes to discard before the next search for the trailer. */
  #known = 0;
  #filler = false;

  constructor(
    prefix: ReadPrefix,
    limit: number,
    range: readonly [min: number, max: number],
    keep: boolean,
  ) {
    super(limit, range);
    this.#prefix = prefix;
    this.#keep = keep;
    this.#maxTrailer = prefix.maxTrailerLength ?? (keep ? Infinity : 0);
  }

  // `read` may look for the end of a line, and a payload may end with a trailer.
  override get greedy(): boolean {
    return true;
  }

  override get discarding(): boolean {
    return this.#discarding;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    if (this.#discarding) return this.#measureDiscarded(bytes, start, end);
    if (this.#searching) return this.#findTrailer(bytes, start, end);
    this.declared = undefined;
    const { maxLength } = this.#prefix;
    const seen = Math.min(end - start, maxLength);
    const before = this.#seen;
    this.#seen = 0;
    let found: PrefixLengths | undefined;
    try {
      found = this.#prefix.read(view(bytes, start, start + seen), before);
    } catch (error) {
      return this.#refusePrefix(messageOf(error));
    }
    if (found !== undefined) return this.#check(found, bytes, start, end);
    if (seen === maxLength) {
      return this.#refusePrefix(
        `its prefix does not end within ${maxLength} bytes`,
      );
    }
    this.#seen = seen;
    return -(seen + 1);
  }

  #check(
    lengths: PrefixLengths,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): number {
    const seen = Math.min(end - start, this.#prefix.maxLength);
    const trailer = trailerOf(lengths, this.#trailers, seen, this.#maxTrailer);
    if (typeof trailer === "string") return this.#refusePrefix(trailer);
    const [header, payload] = lengths;
    this.#header = header;
    this.#trailer = trailer;
    if (payload !== undefined) return this.#finish(payload);
    this.#searching = true;
    this.#searched = 0;
    return this.#findTrailer(bytes, start, end);
  }

  #refusePrefix(detail: string): 0 {
    return this.refuse({ code: "bad-prefix", detail });
  }

  /** Returns the length of a frame whose payload has a known length. */
  #finish(payload: number): number {
    this.#searching = false;
    const total = this.#header + payload + this.#trailer.length;
    const kept = this.declared = this.#keep ? total : payload;
    return kept > this.limit ? this.refuseLong(kept, total) : total;
  }

  /** Looks for the trailer that ends a payload of unknown length. */
  #findTrailer(bytes: Uint8Array, start: number, end: number): number {
    const search = this.#trailer.search!;
    const payloadStart = start + this.#header;
    const found = search.find(bytes, payloadStart + this.#searched, end);
    if (found >= 0) return this.#finish(found - payloadStart);
    this.#searched = search.resume - payloadStart;
    const least = this.#keep
      ? this.#header + this.#searched + this.#trailer.length
      : this.#searched;
    if (least <= this.limit) return -(end - start + 1);
    return this.refuse({
      code: "too-large",
      detail: `it exceeds the 'maxFrameLength' of ${this.limit} bytes`,
      limit: this.limit,
      resume: "discard",
    });
  }

  override discard(): void {
    this.#discarding = true;
    this.#searching = false;
    this.#known = this.#header + this.#searched;
  }

  #measureDiscarded(bytes: Uint8Array, start: number, end: number): number {
    this.#filler = true;
    const known = this.#known;
    this.#known = 0;
    if (known > 0) return known;
    const search = this.#trailer.search!;
    const found = search.find(bytes, start, end);
    if (found >= 0) {
      this.#discarding = false;
      return found - start + this.#trailer.length;
    }
    const searched = search.resume - start;
    return searched > 0 ? searched : -(end - start + 1);
  }

  override open(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): Uint8Array | undefined {
    if (this.#filler) {
      this.#filler = false;
      return undefined;
    }
    const { length, bytes: required } = this.#trailer;
    const payloadEnd = end - length;
    if (
      required !== undefined && !startsWith(bytes, payloadEnd, length, required)
    ) {
      this.refuse({
        code: "bad-terminator",
        detail: "it does not end with the trailer that its prefix requires",
        declared: this.declared,
      });
      return undefined;
    }
    return this.#keep
      ? view(bytes, start, end)
      : view(bytes, start + this.#header, payloadEnd);
  }
}

/**
 * Returns the trailer of the result of `read`, or what is wrong. Both
 * the decoder and the encoder use it, so that they accept the same frames.
 */
export function trailerOf(
  lengths: PrefixLengths,
  trailers: TrailerCache,
  maxPrefix: number,
  maxTrailer: number,
): Trailer | string {
  if (!Array.isArray(lengths)) {
    return `read() returned ${lengths}; expected an array of lengths, or undefined`;
  }
  const [header, payload, after]: PrefixLengths = lengths;
  if (!isTrailer(after)) {
    return "read() returned a trailer that is not text, bytes or a number of bytes";
  }
  const trailer = trailers.of(after);
  const known = payload === undefined || isLength(payload);
  if (!(isLength(header) && header <= maxPrefix && known)) {
    return `read() returned a prefix of ${header} bytes and a payload of ${payload} bytes; expected integers, 0 to ${maxPrefix} and 0 or more`;
  }
  if (!isLength(trailer.length) || trailer.length > maxTrailer) {
    return `read() returned a trailer of ${trailer.length} bytes; 'maxTrailerLength' allows ${maxTrailer}`;
  }
  if (payload === undefined && trailer.search === undefined) {
    return "read() returned neither the length of its payload nor the bytes after it";
  }
  if (header + (payload ?? 0) + trailer.length === 0) {
    return "read() returned an empty frame";
  }
  return trailer;
}

/**
 * Returns whether a value is an integer of 0 or more; it may exceed 2^53. A
 * digit string from a header, which JavaScript would compare as a number, is not.
 */
function isLength(value: number): boolean {
  return typeof value === "number" && value >= 0 && value % 1 === 0;
}

function isTrailer(given: PrefixLengths[2]): boolean {
  return given === undefined || typeof given === "number" ||
    typeof given === "string" || given instanceof Uint8Array;
}
