/**
 * Rules that split messages across frames.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { checkInteger } from "../decode/option_checks.ts";

/**
 * A rule for splitting a message across frames, for {@linkcode chunked}.
 *
 * ```text
 *          ┌────────┬──────┐┌────────┬──────┐     ┌────────┬──────┐
 *  frames  │ header │ data ││ header │ data │  …  │ header │ data │
 *          └────────┴──────┘└────────┴──────┘     └────────┴──────┘
 *                           not the last                  last
 * ```
 *
 * @category Framing
 */
export interface SplitRule {
  /** Number of header bytes before the data of each part. */
  readonly headerLength: number;
  /**
   * Whether the first part's header belongs to the message. If so, `next()`
   * returns messages with it and `encode()` requires it. Otherwise only the rule
   * sees the headers.
   */
  readonly keepHeader: boolean;
  /** Maximum number of data bytes in a part. */
  readonly partLength: number;
  /**
   * Whether a full part is always followed by another part. If so, a message
   * that exactly fills its parts ends with an empty part.
   */
  readonly fullContinues: boolean;
  /**
   * Returns whether a part, with its header, ends its message. If this method or
   * `follows` throws, the decoder throws a `FrameError` with the code
   * `"bad-header"`, whose message includes the exception's.
   */
  isLast(part: Uint8Array): boolean;
  /**
   * Writes a part's header.
   *
   * @param header the `headerLength` bytes to write, all 0 before the call
   * @param first the first part's header if `keepHeader`, else empty
   * @param index the index of the part in the message
   * @param last whether this is the last part
   */
  writeHeader(
    header: Uint8Array,
    first: Uint8Array,
    index: number,
    last: boolean,
  ): void;
  /**
   * Returns whether a later part belongs to the same message. If this method is
   * absent, every later part does.
   */
  follows?(part: Uint8Array, first: Uint8Array, index: number): boolean;
}

/**
 * Options for {@linkcode fullPartContinues}.
 *
 * @category Framing
 */
export interface FullPartOptions {
  /**
   * Number of data bytes in a full part.
   *
   * @default {16777215}
   */
  partLength?: number | undefined;
  /**
   * Whether each part begins with a one-byte sequence number. The first byte of
   * the message is the first number; the number increases by one with each
   * part.
   *
   * @default {false}
   */
  sequence?: boolean | undefined;
}

const FULL_PART_OPTIONS: OptionNames<FullPartOptions> = {
  partLength: true,
  sequence: "flag",
};

/**
 * Creates MySQL's split rule: a full part is followed by another part. A
 * message whose length is a multiple of the full length ends with an empty
 * part. Source: MySQL Internals, "MySQL Packets" (payloads of 2^24-1 bytes or
 * more).
 *
 * @example Split into parts of four bytes
 * ```ts
 * import { chunked, fullPartContinues, u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = chunked(u16be(), fullPartContinues({ partLength: 4 }));
 * const wire = framing.encoder().encode(new Uint8Array(8).fill(7));
 * assertEquals(wire.length, 2 + 4 + 2 + 4 + 2); // two full parts and an empty part
 * ```
 *
 * @throws {RangeError} if `partLength` is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function fullPartContinues(options: FullPartOptions = {}): SplitRule {
  checkOptions("fullPartContinues()", options, FULL_PART_OPTIONS);
  const { partLength = 0xffffff, sequence = false } = options;
  checkInteger("partLength", partLength, [1, 2 ** 32]);
  const headerLength = sequence ? 1 : 0;
  const rule: SplitRule = {
    headerLength,
    keepHeader: true,
    partLength,
    fullContinues: true,
    isLast: (part) => part.length - headerLength < partLength,
    writeHeader: (header, first, index) => {
      if (sequence) header[0] = first[0]! + index;
    },
  };
  if (!sequence) return rule;
  return {
    ...rule,
    follows: (part, first, index) => part[0] === ((first[0]! + index) & 0xff),
  };
}

const DONE_FLAG_OPTIONS: OptionNames<
  NonNullable<Parameters<typeof doneFlag>[0]>
> = {
  partLength: true,
  bit: true,
};

/**
 * Creates drpc's split rule: each part begins with a flags byte. One bit of
 * that byte is set only in the last part. The other bits are written as 0 and
 * ignored by the decoder.
 *
 * @example Split into parts of four bytes
 * ```ts
 * import { chunked, doneFlag, u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = chunked(u16be(), doneFlag({ partLength: 4 }));
 * const wire = framing.encoder().encode(new Uint8Array([1, 2, 3, 4, 5]));
 * assertEquals(wire, new Uint8Array([0, 5, 0, 1, 2, 3, 4, 0, 2, 1, 5]));
 * ```
 *
 * @param options `partLength`, the maximum number of data bytes that the encoder
 * puts into a part (65536 by default; the decoder accepts parts of any length),
 * and `bit`, the "done" bit of the flags byte: 1 (the default), 2, 4, … 128
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @category Other layouts
 */
export function doneFlag(
  options: {
    readonly partLength?: number | undefined;
    readonly bit?: number | undefined;
  } = {},
): SplitRule {
  checkOptions("doneFlag()", options, DONE_FLAG_OPTIONS);
  const { partLength = 65_536, bit = 1 } = options;
  checkInteger("partLength", partLength, [1, 2 ** 32]);
  checkInteger("bit", bit, [1, 128]);
  if ((bit & (bit - 1)) !== 0) {
    throw new RangeError(
      `Cannot make a framing as 'bit' must be a single bit (1, 2, 4, … 128): current value is ${bit}`,
    );
  }
  return {
    headerLength: 1,
    keepHeader: false,
    partLength,
    fullContinues: false,
    isLast: (part) => (part[0]! & bit) !== 0,
    writeHeader: (header, _first, _index, last) => {
      header[0] = last ? bit : 0;
    },
  };
}
