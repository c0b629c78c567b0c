/**
 * Shapes of methods, and their numbers on the wire.
 *
 * @module
 */

/**
 * What travels in a call:
 *
 * | shape | the caller gives | the caller gets |
 * | --- | --- | --- |
 * | `unary` | one input | one output |
 * | `notification` | one input | nothing, not even an answer |
 * | `serverStream` | one input | items |
 * | `clientStream` | items, and an opening | one output |
 * | `duplex` | items, and an opening | items |
 */
export type Shape =
  | "unary"
  | "notification"
  | "serverStream"
  | "clientStream"
  | "duplex";

/** Shapes in the order of their numbers on the wire (PROTOCOL.md, "Methods"). */
export const SHAPES: readonly Shape[] = [
  "unary",
  "notification",
  "serverStream",
  "clientStream",
  "duplex",
];
