/** How a length that is not a plain sum is read and written. */
export interface LengthRule {
  /**
   * Bytes of the whole frame, header and trailer included.
   *
   * @param header the frame's first `headerLength` bytes, valid during the call
   * @param value what the length field says
   */
  decode(header: Uint8Array, value: number): number;
  /** What the length field says for a whole frame of so many bytes. */
  encode(frameLength: number): number;
}

/** The options of `lengthPrefixed`, resolved: everything in bytes. */
export interface LengthForm {
  readonly width: number;
  readonly little: boolean;
  readonly offset: number;
  /** End of the length field. */
  readonly fieldEnd: number;
  readonly headerLength: number;
  /** Whole frame = fieldEnd + value + adjustment. */
  readonly adjustment: number;
  readonly rule: LengthRule | undefined;
  readonly strip: number;
  readonly magic: Uint8Array;
  readonly trailer: Uint8Array;
  /** Header bytes that must be there to tell the length. */
  readonly needed: number;
  readonly min: number;
  readonly limit: number;
  readonly range: readonly [least: number, most: number];
  readonly onTooLong: "close" | "skip";
}
