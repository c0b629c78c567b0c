/**
 * The feature bits of HELLO (PROTOCOL.md, "Features"). A feature is in use if
 * both ends offer it.
 *
 * @module
 */

/** Feature bits. */
export const Feature = {
  /** A session outlives its connection. */
  RESUME: 0x01,
  /** Calls with ONCE run at most once. */
  ONCE: 0x02,
  /** Streams continue at a position. */
  POSITIONS: 0x04,
} as const;
