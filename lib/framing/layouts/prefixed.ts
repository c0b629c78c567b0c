/**
 * Frames with a custom length prefix.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import type { Framing } from "../framing.ts";
import { FrameAssembler } from "../decode/frame_assembler.ts";
import {
  checkFunctions,
  checkInteger,
  checkOneOf,
  resolveLimit,
} from "../decode/option_checks.ts";
import { checkRoom, refusePayload } from "../decode/payload_checks.ts";
import {
  MAX_PREFIX_LENGTH,
  type Prefix,
  type PrefixLengths,
} from "./prefix.ts";
import { PrefixEncoder } from "./prefix_encoder.ts";
import {
  PrefixedLayout,
  type Trailer,
  TrailerCache,
  trailerOf,
} from "./prefixed_layout.ts";
import { WholeFrameEncoder } from "./whole_frame_encoder.ts";

/**
 * Options for {@linkcode prefixed}.
 *
 * @category Framing
 */
export interface PrefixedOptions {
  /**
   * Whether frames keep their prefix: `next()` returns whole frames, and
   * `encode()` takes whole frames and rejects one whose length is wrong. A whole
   * frame includes its trailer. The prefix then needs no `write`.
   *
   * @default {false}
   */
  keepHeader?: boolean | undefined;
  /**
   * Maximum payload length in bytes, in both directions. The prefix and the
   * trailer count if they are kept. The default is capped at the longest frame
   * that the prefix can express.
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
  keepHeader: "flag",
  maxFrameLength: true,
  onTooLarge: true,
};

/**
 * Creates a framing with a custom prefix. It provides the same guarantees as
 * the built-in framings.
 *
 * ```text
 * ┌────────┬─────────┬───────────┐
 * │ prefix │ payload │ (trailer) │
 * └────────┴─────────┴───────────┘
 * ```
 *
 * The prefix may have several forms, also within one protocol: binary of any
 * size, a line that declares a payload, or a line that is the whole frame. The
 * length of a payload is known from its prefix, or the payload ends with a
 * trailer.
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
 * @example Redis (RESP): lines, and lines that declare a payload
 * ```ts
 * import { prefixed } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const resp = prefixed({
 *   maxLength: 65_536,
 *   read(bytes, seen) {
 *     const end = bytes.indexOf(10, seen) + 1; // after CR LF
 *     if (end === 0) return undefined; // needs more bytes
 *     if (bytes[0] !== 0x24) return [end, 0]; // a line, such as +OK
 *     const length = Number(new TextDecoder().decode(bytes.subarray(1, end - 2)));
 *     return length < 0 ? [end, 0] : [end, length, "\r\n"];
 *   },
 * }, { keepHeader: true });
 *
 * const decoder = resp.decoder();
 * decoder.push(new TextEncoder().encode("+OK\r\n$2\r\nOK\r\n$-1\r\n"));
 * const text = new TextDecoder();
 * assertEquals(text.decode(decoder.next()), "+OK\r\n");
 * assertEquals(text.decode(decoder.next()), "$2\r\nOK\r\n");
 * assertEquals(text.decode(decoder.next()), "$-1\r\n");
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
  const {
    maxLength,
    maxPayloadLength = Number.MAX_SAFE_INTEGER - MAX_PREFIX_LENGTH,
    maxTrailerLength,
  } = prefix;
  checkInteger("maxLength", maxLength, [1, MAX_PREFIX_LENGTH]);
  checkInteger("maxPayloadLength", maxPayloadLength, [
    0,
    Number.MAX_SAFE_INTEGER - maxLength,
  ]);
  if (maxTrailerLength !== undefined) {
    checkInteger("maxTrailerLength", maxTrailerLength, [0, MAX_PREFIX_LENGTH]);
  }
  checkOneOf("onTooLarge", onTooLarge, ["close", "skip"]);
  const longest = maxLength + maxPayloadLength + (maxTrailerLength ?? 0);
  const range = keepHeader
    ? [1, Math.min(longest, Number.MAX_SAFE_INTEGER)] as const
    : [0, maxPayloadLength] as const;
  const limit = resolveLimit(options.maxFrameLength, range);
  const layout = () => new PrefixedLayout(prefix, limit, range, keepHeader);
  const decoder = () => new FrameAssembler(layout(), onTooLarge);
  if (keepHeader) {
    const encoder = () => new WholeFrameEncoder(layout);
    return { maxFrameLength: limit, decoder, encoder };
  }
  if (!hasWrite(prefix)) {
    throw new TypeError(
      "Cannot make a framing as 'prefix' has no 'write' method: add one, or set 'keepHeader'",
    );
  }
  const encoder = () => encoderOf(prefix, limit, range);
  return { maxFrameLength: limit, decoder, encoder };
}

function hasWrite(
  prefix: Omit<Prefix, "write"> & Partial<Prefix>,
): prefix is Prefix {
  return prefix.write !== undefined;
}

/** Returns the encoder of a prefix that frames exclude. */
function encoderOf(
  prefix: Prefix,
  limit: number,
  range: readonly [least: number, most: number],
): PrefixEncoder {
  const trailers = new TrailerCache();
  // The prefix that was measured is also the one that is written.
  let measured: Uint8Array | undefined;
  let measuredFor = -1;
  /** The result of `read` for the prefix written last. */
  let written: ReadBack = { ends: false, trailer: { length: 0 } };
  function prefixOf(length: number): Uint8Array {
    if (measured !== undefined && length === measuredFor) return measured;
    measuredFor = length;
    return measured = prefix.write(length).slice();
  }
  return new PrefixEncoder({
    limit,
    range,
    tailroom: prefix.maxTrailerLength ?? 0,
    prefixLength: (length) => prefixOf(length).length,
    writePrefix(target, at, length) {
      const bytes = prefixOf(length);
      measured = undefined; // the next frame asks again
      written = readBack(prefix, bytes, length, trailers);
      target.set(bytes, at);
    },
    writeTrailer(target, payloadStart, payloadEnd) {
      const { ends, trailer } = written;
      const end = payloadEnd + trailer.length;
      checkRoom(target, payloadEnd, trailer.length);
      if (trailer.bytes === undefined) target.fill(0, payloadEnd, end);
      else target.set(trailer.bytes, payloadEnd);
      if (ends) {
        checkTrailer(trailer, target, payloadStart, payloadEnd);
      }
      return end;
    },
  });
}

/** Rejects a payload that ends before its own end. */
function checkTrailer(
  { search, length }: Trailer,
  target: Uint8Array,
  payloadStart: number,
  payloadEnd: number,
): void {
  const end = payloadEnd + length;
  if (search?.find(target, payloadStart, end) === payloadEnd) return;
  refusePayload(
    "it contains the trailer, or its last bytes form one with the trailer after it",
  );
}

/** The result of `read` for a prefix that was written. */
interface ReadBack {
  /** Whether the payload ends where the trailer begins. */
  readonly ends: boolean;
  readonly trailer: Trailer;
}

/** Reads a prefix that was written; throws if the decoder would reject it. */
function readBack(
  prefix: Prefix,
  bytes: Uint8Array,
  payloadLength: number,
  trailers: TrailerCache,
): ReadBack {
  const { maxLength, maxTrailerLength = 0 } = prefix;
  const back = readWritten(prefix, bytes);
  if (back !== undefined) {
    const seen = Math.min(bytes.length, maxLength);
    const trailer = trailerOf(back, trailers, seen, maxTrailerLength);
    if (typeof trailer === "string") refusePayload(trailer);
    const [header, payload = payloadLength] = back;
    if (header === bytes.length && payload === payloadLength) {
      return { ends: back[1] === undefined, trailer };
    }
  }
  refusePayload(
    `write() returned the prefix [${bytes}] for its length ${payloadLength}, but read() returned [${back}] for that prefix`,
  );
}

function readWritten(
  prefix: Prefix,
  bytes: Uint8Array,
): PrefixLengths | undefined {
  try {
    return prefix.read(bytes, 0);
  } catch (error) {
    refusePayload(
      `read() throws for the prefix [${bytes}]: ${messageOf(error)}`,
    );
  }
}
