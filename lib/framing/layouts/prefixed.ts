/**
 * Frames behind a prefix of one's own.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { Layout } from "../decode/layout.ts";
import {
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import { PrefixEncoder } from "../decode/prefix_encoder.ts";

/** How a prefix tells the length of the payload behind it, for {@linkcode prefixed}. */
export interface Prefix {
  /** The most bytes that it has, 1 to 1024. */
  readonly maxLength: number;
  /** The most bytes of payload that it can tell. */
  readonly maxPayloadLength: number;
  /**
   * Reads a prefix. What it throws makes the frame a `"bad-prefix"`, with the
   * message of the exception.
   *
   * @param bytes the frame's first bytes as far as they have come, one to
   * `maxLength`, of which the last may be payload; valid during the call
   * @returns the bytes of the prefix and of the payload; `undefined` if they
   * cannot be told yet
   */
  read(
    bytes: Uint8Array,
  ): readonly [prefixLength: number, payloadLength: number] | undefined;
  /**
   * Makes the prefix of a payload of so many bytes; that of a longer payload
   * is no shorter.
   */
  write(payloadLength: number): Uint8Array;
}

/** Options of {@linkcode prefixed}. */
export interface PrefixedOptions {
  /**
   * The most bytes of payload in a frame, both ways; less where the prefix
   * cannot tell it.
   *
   * @default {4194304}
   */
  maxFrameLength?: number;
  /**
   * What to do with a frame that is too long: throw, or count it and go on.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

/**
 * Frames behind any prefix that tells the length of the payload: a framing of
 * one's own, with the guarantees of the others.
 *
 * ```text
 * ┌────────────────┬─────────┐
 * │ prefix         │ payload │
 * └────────────────┴─────────┘
 * ```
 *
 * @example One byte for lengths below 128, two for others
 * ```ts
 * import { checkFraming, prefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const short = (options: { maxFrameLength?: number }) =>
 *   prefixed({
 *     maxLength: 2,
 *     maxPayloadLength: 0x7fff,
 *     read: ([first = 0, second]) =>
 *       first < 128
 *         ? [1, first]
 *         : second === undefined
 *         ? undefined
 *         : [2, (first - 128) * 256 + second],
 *     write: (length) =>
 *       Uint8Array.from(length < 128 ? [length] : [128 + (length >> 8), length]),
 *   }, options);
 *
 * const wire = short({}).encoder().encode(new Uint8Array(300));
 * assertEquals(wire.subarray(0, 2), new Uint8Array([129, 44]));
 * checkFraming(short, [new Uint8Array(300), new Uint8Array([1, 2, 3])]);
 * ```
 *
 * @param prefix how lengths are read and written
 * @throws {RangeError} if a number is out of range
 */
export function prefixed(
  prefix: Prefix,
  options: PrefixedOptions = {},
): Framing {
  const { onTooLong = "close" } = options;
  const { maxLength, maxPayloadLength } = prefix;
  checkInteger("maxLength", maxLength, [1, 1024]);
  checkInteger("maxPayloadLength", maxPayloadLength, [
    0,
    Number.MAX_SAFE_INTEGER - maxLength,
  ]);
  checkOneOf("onTooLong", onTooLong, ["close", "skip"]);
  const range = [0, maxPayloadLength] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  return {
    maxFrameLength: limit,
    decoder: () =>
      new FrameAssembler(new PrefixedLayout(prefix, limit, range), onTooLong),
    encoder: () =>
      new PrefixEncoder({
        limit,
        prefixLength: (length) => prefix.write(length).length,
        writePrefix: (target, at, length) =>
          target.set(prefix.write(length), at),
      }),
  };
}

class PrefixedLayout extends Layout {
  readonly #prefix: Prefix;
  #length = 0;

  constructor(
    prefix: Prefix,
    limit: number,
    range: readonly [least: number, most: number],
  ) {
    super(limit, range);
    this.#prefix = prefix;
  }

  measure(bytes: Uint8Array, start: number, end: number): number {
    const { maxLength } = this.#prefix;
    this.declared = undefined;
    const seen = Math.min(end - start, maxLength);
    let found: ReturnType<Prefix["read"]>;
    try {
      found = this.#prefix.read(view(bytes, start, start + seen));
    } catch (error) {
      return this.#refusePrefix(
        error instanceof Error ? error.message : String(error),
      );
    }
    if (found !== undefined) return this.#check(found, seen);
    if (seen < maxLength) return -(seen + 1);
    return this.#refusePrefix(
      `its prefix does not end within ${maxLength} bytes`,
    );
  }

  #check([length, payload]: readonly [number, number], seen: number): number {
    if (
      !(length >= 1 && length <= seen && length % 1 === 0) ||
      !(payload >= 0 && (payload % 1 === 0))
    ) {
      return this.#refusePrefix(
        `its prefix was read as ${length} bytes that tell ${payload} of payload`,
      );
    }
    this.#length = length;
    this.declared = payload;
    const total = length + payload;
    return payload > this.limit ? this.refuseLong(payload, total) : total;
  }

  #refusePrefix(detail: string): 0 {
    return this.refuse({ kind: "bad-prefix", detail });
  }

  override open(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start + this.#length, end);
  }
}
