/**
 * The format of a custom prefix, for `prefixed()`.
 *
 * @module
 */
import type { Delimiter } from "./delimited.ts";

/** Limit on `maxLength` and `maxTrailerLength`. */
export const MAX_PREFIX_LENGTH = 2 ** 20;

/**
 * The lengths in bytes that a prefix declares.
 *
 * - `payloadLength` is `undefined` if the payload ends before the first
 *   `trailer`. The trailer must then be bytes or text.
 * - `trailer` is what follows the payload: the required bytes (text means its
 *   UTF-8 bytes), or a number of bytes of any value, such as padding. Default: 0.
 *
 * @category Framing
 */
export type PrefixLengths = readonly [
  prefixLength: number,
  payloadLength: number | undefined,
  trailer?: Delimiter | number,
];

/**
 * The format of a custom length prefix, for {@linkcode prefixed}.
 *
 * @category Framing
 */
export interface Prefix {
  /**
   * Maximum number of bytes that `read` sees, from 1 to 1 MiB. It limits the
   * length of a prefix.
   */
  readonly maxLength: number;
  /**
   * Maximum payload length in bytes that a prefix can express.
   *
   * @default {9007199253692415} 2^53 - 1 - 2^20
   */
  readonly maxPayloadLength?: number | undefined;
  /**
   * Maximum length of a trailer in bytes. Required if frames have trailers but
   * do not keep their headers.
   *
   * @default {0} unlimited with `keepHeader`
   */
  readonly maxTrailerLength?: number | undefined;
  /**
   * Reads a prefix. If this method throws, the decoder throws a `FrameError`
   * with the code `"bad-prefix"`, whose message includes the exception's.
   *
   * @param bytes the bytes of the frame received so far, 1 to `maxLength`; the
   * last ones may belong to the payload; valid during the call
   * @param seen the number of bytes for which `read` has returned `undefined`
   * already. A search that begins there, such as `bytes.indexOf(10, seen)`,
   * examines each byte only once.
   * @returns the lengths of the prefix, the payload and the trailer, or
   * `undefined` if more bytes are needed. With `keepHeader`, only the sum of the
   * lengths matters.
   */
  read(bytes: Uint8Array, seen: number): PrefixLengths | undefined;
  /**
   * Returns the prefix of a payload of `payloadLength` bytes. A longer payload
   * must not have a shorter prefix. The encoder rejects a payload if `read` does
   * not return the same lengths for its prefix. The encoder writes the trailer
   * that `read` returns; if that is a number, it writes zeros.
   */
  write(payloadLength: number): Uint8Array;
}
