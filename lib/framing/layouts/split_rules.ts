/**
 * How messages are split over frames.
 *
 * @module
 */
import { checkInteger } from "../decode/option_checks.ts";

/**
 * How a message is split over frames, for {@linkcode chunked}.
 *
 * ```text
 *          ┌────────┬──────┐┌────────┬──────┐     ┌────────┬──────┐
 *  frames  │ header │ data ││ header │ data │  …  │ header │ data │
 *          └────────┴──────┘└────────┴──────┘     └────────┴──────┘
 *                           not the last                  last
 * ```
 */
export interface SplitRule {
  /** Bytes in front of the data of each part. */
  readonly headerLength: number;
  /**
   * Whether the first part's header is the beginning of the message, as
   * `next()` gives it and `encode()` takes it. Otherwise headers are the
   * rule's own.
   */
  readonly keepHeader: boolean;
  /** The most bytes of data in a part. */
  readonly partLength: number;
  /**
   * Whether only a part that is not full is the last one: a message that fills
   * its parts exactly is closed by an empty part.
   */
  readonly fullContinues: boolean;
  /** Whether this part, header and data, is the last of its message. */
  isLast(part: Uint8Array): boolean;
  /**
   * Writes a part's header.
   *
   * @param header where to, `headerLength` bytes
   * @param first the first part's header, if `keepHeader`
   * @param index which part of the message
   */
  writeHeader(
    header: Uint8Array,
    first: Uint8Array,
    index: number,
    last: boolean,
  ): void;
  /** Whether a later part belongs to the message; absent: each does. */
  follows?(part: Uint8Array, first: Uint8Array, index: number): boolean;
}

/** Options of {@linkcode fullPartContinues}. */
export interface FullPartOptions {
  /**
   * Bytes of data in a full part.
   *
   * @default {16777215}
   */
  partLength?: number;
  /**
   * Whether each part begins with a sequence number of one byte, which rises by
   * one from part to part and is the first byte of the message.
   *
   * @default {false}
   */
  sequence?: boolean;
}

/**
 * MySQL's rule: a full part has another one behind it, and a message that is a
 * multiple of the full length is closed by an empty part. Source: MySQL
 * Internals, "MySQL Packets", for payloads of 2^24-1 bytes and more.
 *
 * @example Parts of four bytes
 * ```ts
 * import { chunked, fullPartContinues, u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = chunked(u16be(), fullPartContinues({ partLength: 4 }));
 * const wire = framing.encoder().encode(new Uint8Array(8).fill(7));
 * assertEquals(wire.length, 2 + 4 + 2 + 4 + 2); // two full parts, an empty one
 * ```
 *
 * @throws {RangeError} if `partLength` is out of range
 */
export function fullPartContinues(options: FullPartOptions = {}): SplitRule {
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

/** Options of {@linkcode doneFlag}. */
export interface DoneFlagOptions {
  /**
   * The most bytes of data that the encoder puts into a part; the decoder takes
   * parts of any length.
   *
   * @default {65536}
   */
  partLength?: number;
  /**
   * The bit of the flags byte that says "done".
   *
   * @default {1}
   */
  bit?: number;
}

/**
 * drpc's rule: each part begins with a byte of flags, of which one bit is set
 * in the last part alone. Other bits are written as 0 and passed over.
 *
 * @example Parts of four bytes
 * ```ts
 * import { chunked, doneFlag, u16be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const framing = chunked(u16be(), doneFlag({ partLength: 4 }));
 * const wire = framing.encoder().encode(new Uint8Array([1, 2, 3, 4, 5]));
 * assertEquals(wire, new Uint8Array([0, 5, 0, 1, 2, 3, 4, 0, 2, 1, 5]));
 * ```
 *
 * @throws {RangeError} if an option is out of range
 */
export function doneFlag(options: DoneFlagOptions = {}): SplitRule {
  const { partLength = 65_536, bit = 1 } = options;
  checkInteger("partLength", partLength, [1, 2 ** 32]);
  checkInteger("bit", bit, [1, 128]);
  if ((bit & (bit - 1)) !== 0) {
    throw new RangeError(
      `Cannot make a framing as 'bit' must be one bit: 1, 2, 4, … 128: current value is ${bit}`,
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
