/**
 * Frames with a custom length prefix.
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
import { PrefixEncoder } from "./prefix_encoder.ts";

/** The format of a custom length prefix, for {@linkcode prefixed}. */
export interface Prefix {
  /** Maximum length of a prefix in bytes, from 1 to 1024. */
  readonly maxLength: number;
  /** Maximum payload length in bytes that a prefix can express. */
  readonly maxPayloadLength: number;
  /**
   * Reads a prefix. If this method throws, the decoder throws a `FrameError`
   * with the code `"bad-prefix"`, whose message includes the exception's.
   *
   * @param bytes the bytes of the frame received so far, 1 to `maxLength`; the
   * last ones may belong to the payload; valid during the call
   * @returns the lengths of the prefix and the payload in bytes, or `undefined`
   * if more bytes are needed
   */
  read(
    bytes: Uint8Array,
  ): readonly [prefixLength: number, payloadLength: number] | undefined;
  /**
   * Returns the prefix of a payload of `payloadLength` bytes. A longer payload
   * must not have a shorter prefix.
   */
  write(payloadLength: number): Uint8Array;
}

/** Options for {@linkcode prefixed}. */
export interface PrefixedOptions {
  /**
   * Maximum payload length in bytes, in both directions. The default is capped
   * at `maxPayloadLength`.
   *
   * @default {4194304}
   */
  maxFrameLength?: number | undefined;
  /**
   * How to handle a frame over the limit: `"close"` throws; `"skip"` counts it
   * in `skipped` and continues with the next frame.
   *
   * @default {"close"}
   */
  onTooLarge?: "close" | "skip" | undefined;
}

/**
 * Creates a framing with a custom length prefix. It provides the same
 * guarantees as the built-in framings.
 *
 * ```text
 * ┌────────────────┬─────────┐
 * │ prefix         │ payload │
 * └────────────────┴─────────┘
 * ```
 *
 * @example One byte for lengths below 128, two bytes for other lengths
 * ```ts
 * import { checkFraming } from "@lengthwise/lengthwise/testing";
 * import { prefixed } from "@lengthwise/lengthwise/framing";
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
 * @param prefix reads and writes the lengths
 * @throws {RangeError} if a number is out of range
 *
 * @category Length prefixes
 */
export function prefixed(
  prefix: Prefix,
  options: PrefixedOptions = {},
): Framing {
  const { onTooLarge = "close" } = options;
  const { maxLength, maxPayloadLength } = prefix;
  checkInteger("maxLength", maxLength, [1, 1024]);
  checkInteger("maxPayloadLength", maxPayloadLength, [
    0,
    Number.MAX_SAFE_INTEGER - maxLength,
  ]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const range = [0, maxPayloadLength] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  return {
    maxFrameLength: limit,
    decoder: () =>
      new FrameAssembler(new PrefixedLayout(prefix, limit, range), onTooLarge),
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
    range: readonly [min: number, max: number],
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
        `read() returned a prefix of ${length} bytes and a payload of ${payload} bytes; expected integers, 1 to ${seen} and 0 or more`,
      );
    }
    this.#length = length;
    this.declared = payload;
    const total = length + payload;
    return payload > this.limit ? this.refuseLong(payload, total) : total;
  }

  #refusePrefix(detail: string): 0 {
    return this.refuse({ code: "bad-prefix", detail });
  }

  override open(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start + this.#length, end);
  }
}
