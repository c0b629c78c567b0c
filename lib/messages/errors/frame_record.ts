/**
 * The header of a frame, as a session records it.
 *
 * @module
 */

/**
 * The header of a frame; bodies are never recorded.
 *
 * @category Figures
 */
export interface FrameRecord {
  /** Time in ms since 1970, or of the session's clock. */
  readonly at: number;
  /** Whether this side sent or received it. */
  readonly direction: "sent" | "received";
  /** Name of the kind, such as `REQUEST`; the number of another, such as `0x7f`. */
  readonly kind: string;
  /** Flag bits (PROTOCOL.md, section 2). */
  readonly flags: number;
  /** Id of the call; 0 for frames of the session. */
  readonly id: number;
  /** Bytes of the body; `undefined` for HELLO and AUTH, which hold credentials. */
  readonly length: number | undefined;
}
