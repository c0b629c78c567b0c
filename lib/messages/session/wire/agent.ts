/**
 * The name of this library, as HELLO states it (PROTOCOL.md, "HELLO").
 *
 * @module
 */

/** Name and version of this library. */
export const AGENT = "lengthwise/0.1.0";
