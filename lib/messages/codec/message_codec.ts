/**
 * What turns a value into a frame's body and back.
 *
 * @module
 */

/**
 * A codec for message bodies. Codecs keep nothing between messages, so that
 * one instance serves every connection.
 */
export interface MessageCodec {
  /** Name by which two peers agree on it in the handshake: 1 to 32 of `a-z 0-9 -`. */
  readonly name: string;
  /**
   * Encodes into a buffer of its own.
   *
   * @throws {CodecError} for a value that would not arrive as it is
   */
  encode(value: unknown): Uint8Array;
  /**
   * Encodes straight into `target` from `offset`, or, where the body does not
   * fit, elsewhere.
   *
   * @returns the offset behind the body; or, where `target` was too small, the
   * whole body, which is valid until the next call
   * @throws {CodecError} for a value that would not arrive as it is; bytes of
   * `target` behind `offset` are then undefined, those in front untouched
   */
  encodeInto(
    value: unknown,
    target: Uint8Array,
    offset: number,
  ): number | Uint8Array;
  /**
   * Decodes one whole body. The bytes are borrowed: the value does not
   * reference them unless the codec was told to borrow.
   *
   * @throws {CodecError} for anything but one well-formed value within limits
   */
  decode(body: Uint8Array): unknown;
}
