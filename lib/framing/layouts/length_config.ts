/**
 * Resolved options for `lengthPrefixed()`.
 *
 * @module
 */

/**
 * Custom conversion between the length field and the frame's length.
 *
 * @category Framing
 */
export interface LengthRule {
  /**
   * Returns the length of the whole frame, including header and trailer. If
   * this method throws, the decoder throws a `FrameError` with the code
   * `"bad-header"`, whose message includes the exception's.
   *
   * @param header the frame's first `headerLength` bytes, valid during the call
   * @param value the value of the length field
   * @returns the frame's length in bytes
   */
  decode(header: Uint8Array, value: number): number;
  /**
   * Returns the value of the length field. The encoder then calls `decode` and
   * rejects the frame unless the result is `frameLength`.
   *
   * @param frameLength the length of the whole frame in bytes
   * @param header the frame's first `headerLength` bytes, valid during the call:
   * those of the payload if the header is kept (`keepHeader`, `strip`), else
   * `magic` and zeros. The bytes of the length field itself are arbitrary.
   */
  encode(frameLength: number, header: Uint8Array): number;
}

/** The resolved options for `lengthPrefixed`; all sizes are in bytes. */
export interface LengthConfig {
  readonly width: number;
  readonly little: boolean;
  readonly offset: number;
  /** Offset after the length field. */
  readonly fieldEnd: number;
  readonly headerLength: number;
  /** Frame length = fieldEnd + value + adjustment. */
  readonly adjustment: number;
  readonly rule: LengthRule | undefined;
  readonly strip: number;
  readonly magic: Uint8Array;
  readonly trailer: Uint8Array;
  /** Number of header bytes needed to compute the frame's length. */
  readonly needed: number;
  readonly min: number;
  readonly limit: number;
  readonly range: readonly [min: number, max: number];
  readonly onTooLarge: "close" | "skip";
}
