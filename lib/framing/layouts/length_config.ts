/**
 * Resolved options for `lengthPrefixed()`.
 *
 * @module
 */

/** Custom conversion between the length field and the frame's length. */
export interface LengthRule {
  /**
   * Returns the length of the whole frame, including header and trailer.
   *
   * @param header the frame's first `headerLength` bytes, valid during the call
   * @param value the value of the length field
   * @returns the frame's length in bytes
   */
  decode(header: Uint8Array, value: number): number;
  /** Returns the length field's value for a frame of `frameLength` bytes. */
  encode(frameLength: number): number;
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
