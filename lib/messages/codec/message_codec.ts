/**
 * The contract of codecs, which convert values to message bodies and back.
 *
 * @module
 */
import type { CodecLimits } from "./codec_limits.ts";

/**
 * The memory that a decoded value may hold, and does hold.
 *
 * @category Codecs
 */
export interface DecodeBudget {
  /**
   * Maximum number of heap bytes. A higher one than the codec's own limit has no
   * effect.
   *
   * @default the codec's limit
   */
  maxHeld?: number | undefined;
  /**
   * Heap bytes that the decoded value holds. `decode()` sets it; a codec that
   * does not measure its values leaves it unchanged.
   */
  held: number;
}

/**
 * Object that encodes values as message bodies and decodes bodies to values.
 *
 * A codec keeps no state between messages, so one instance serves every
 * connection.
 *
 * @category Codecs
 */
export interface MessageCodec {
  /** Name of the codec in the handshake: 1 to 32 characters of `a-z 0-9 -`. */
  readonly name: string;
  /** Limits of a message, if the codec has any; extensions keep them too. */
  readonly limits?: CodecLimits;
  /**
   * Encodes a value into a new buffer.
   *
   * @throws {CodecError} if the value would not arrive unchanged
   */
  encode(value: unknown): Uint8Array;
  /**
   * Encodes a value into `target` at `offset`, if it fits.
   *
   * @returns the offset after the body; or, if `target` is too small, the whole
   * body in another buffer, valid until the next call
   * @throws {CodecError} if the value would not arrive unchanged; bytes of
   * `target` before `offset` are then unchanged, and later bytes are unspecified
   */
  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array;
  /**
   * Decodes one whole body. The codec only borrows the bytes: the value does not
   * reference them unless an option allows it.
   *
   * @param budget the memory that the value may hold; `held` is set to the
   * memory that it holds. A codec may ignore this parameter.
   * @throws {CodecError} if the body is not exactly one well-formed value within
   * the limits
   */
  decode(body: Uint8Array, budget?: DecodeBudget): unknown;
}
