/**
 * Frames with a custom length prefix.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import { view } from "../decode/uint.ts";
import { Layout } from "../decode/layout.ts";
import {
  checkFunctions,
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import { refusePayload } from "../decode/payload_checks.ts";
import { PrefixEncoder } from "./prefix_encoder.ts";
import { keptHeaderEncoder } from "./whole_frame_encoder.ts";

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
   * if more bytes are needed. The prefix has at least one byte unless it is
   * kept: then only the sum of both lengths matters.
   */
  read(
    bytes: Uint8Array,
  ): readonly [prefixLength: number, payloadLength: number] | undefined;
  /**
   * Returns the prefix of a payload of `payloadLength` bytes. A longer payload
   * must not have a shorter prefix. The encoder rejects a payload if `read` does
   * not return the same lengths for its prefix.
   */
  write(payloadLength: number): Uint8Array;
}

/** Options for {@linkcode prefixed}. */
export interface PrefixedOptions {
  /**
   * Whether frames keep their prefix: `next()` returns whole frames, and
   * `encode()` takes whole frames and rejects one whose length is wrong. The
   * prefix then needs no `write`.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The prefix counts if it
   * is kept. The default is capped at the longest frame that the prefix can
   * express.
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

const PREFIXED_OPTIONS: OptionNames<PrefixedOptions> = {
  keepHeader: true,
  maxFrameLength: true,
  onTooLarge: true,
};

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
 * @example RESP, whose prefix contains the type of the value
 * ```ts
 * import { prefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const resp = prefixed({
 *   maxLength: 64,
 *   maxPayloadLength: 2 ** 29 + 2,
 *   read(bytes) {
 *     const end = bytes.indexOf(10) + 1; // after CR LF
 *     if (end === 0) return undefined;
 *     if (bytes[0] !== 0x24) return [end, 0]; // a line, such as +OK
 *     return [end, Number(new TextDecoder().decode(bytes.subarray(1, end - 2))) + 2];
 *   },
 * }, { keepHeader: true });
 *
 * const decoder = resp.decoder();
 * decoder.push(new TextEncoder().encode("+OK\r\n$2\r\nOK\r\n"));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), "+OK\r\n");
 * assertEquals(text.decode(decoder.next()), "$2\r\nOK\r\n");
 * ```
 *
 * @param prefix reads and writes the lengths
 * @throws {RangeError} if a number is out of range
 * @throws {TypeError} if an option is unknown, or `prefix` has no `read`
 *
 * @category Length prefixes
 */
export function prefixed(
  prefix: Omit<Prefix, "write">,
  options: PrefixedOptions & { keepHeader: true },
): Framing;
/**
 * Creates a framing with a custom length prefix that frames may exclude.
 *
 * @param prefix reads and writes the lengths
 * @throws {RangeError} if a number is out of range
 * @throws {TypeError} if an option is unknown, `prefix` has no `read`, or it has
 * no `write` and is not kept
 *
 * @category Length prefixes
 */
export function prefixed(prefix: Prefix, options?: PrefixedOptions): Framing;
export function prefixed(
  prefix: Omit<Prefix, "write"> & Partial<Prefix>,
  options: PrefixedOptions = {},
): Framing {
  checkOptions("prefixed()", options, PREFIXED_OPTIONS);
  const { keepHeader = false, onTooLarge = "close" } = options;
  checkFunctions("'prefix'", prefix, ["read"]);
  const { maxLength, maxPayloadLength } = prefix;
  checkInteger("maxLength", maxLength, [1, 1024]);
  checkInteger("maxPayloadLength", maxPayloadLength, [
    0,
    Number.MAX_SAFE_INTEGER - maxLength,
  ]);
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const range = keepHeader
    ? [1, maxLength + maxPayloadLength] as const
    : [0, maxPayloadLength] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const layout = () => new PrefixedLayout(prefix, limit, range, keepHeader);
  const decoder = () => new FrameAssembler(layout(), onTooLarge);
  if (keepHeader) {
    const encoder = () => keptHeaderEncoder(layout);
    return { maxFrameLength: limit, decoder, encoder };
  }
  if (!hasWrite(prefix)) {
    throw new TypeError(
      "Cannot make a framing as 'prefix' has no 'write' method: add one, or set 'keepHeader'",
    );
  }
  const encoder = () =>
    new PrefixEncoder({
      limit,
      prefixLength: (length) => prefix.write(length).length,
      writePrefix: (target, at, length) =>
        target.set(writeChecked(prefix, length), at),
    });
  return { maxFrameLength: limit, decoder, encoder };
}

function hasWrite(
  prefix: Omit<Prefix, "write"> & Partial<Prefix>,
): prefix is Prefix {
  return prefix.write !== undefined;
}

/** Returns a prefix; throws unless `read` agrees with it. */
function writeChecked(prefix: Prefix, payloadLength: number): Uint8Array {
  const bytes = prefix.write(payloadLength);
  const back = prefix.read(bytes);
  if (back?.[0] !== bytes.length || back[1] !== payloadLength) {
    refusePayload(
      `write() returned the prefix [${bytes}] for its length ${payloadLength}, but read() returned [${back}] for that prefix`,
    );
  }
  return bytes;
}

class PrefixedLayout extends Layout {
  readonly #prefix: Omit<Prefix, "write">;
  readonly #keep: boolean;
  #length = 0;

  constructor(
    prefix: Omit<Prefix, "write">,
    limit: number,
    range: readonly [min: number, max: number],
    keep: boolean,
  ) {
    super(limit, range);
    this.#prefix = prefix;
    this.#keep = keep;
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
    const total = length + payload;
    const least = this.#keep ? 0 : 1;
    if (
      !(length >= least && length <= seen && length % 1 === 0) ||
      !(payload >= 0 && payload % 1 === 0 && total > 0)
    ) {
      return this.#refusePrefix(
        `read() returned a prefix of ${length} bytes and a payload of ${payload} bytes; expected integers, ${least} to ${seen} and 0 or more`,
      );
    }
    this.#length = this.#keep ? 0 : length;
    const kept = this.declared = total - this.#length;
    return kept > this.limit ? this.refuseLong(kept, total) : total;
  }

  #refusePrefix(detail: string): 0 {
    return this.refuse({ code: "bad-prefix", detail });
  }

  override open(bytes: Uint8Array, start: number, end: number): Uint8Array {
    return view(bytes, start + this.#length, end);
  }
}
