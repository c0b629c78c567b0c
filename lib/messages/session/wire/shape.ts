/**
 * The shapes of methods and their numbers on the wire.
 *
 * @module
 */

/**
 * Shape of a method: the messages of a call.
 *
 * | shape | the caller sends | the caller receives |
 * | --- | --- | --- |
 * | `unary` | one input | one output |
 * | `notification` | one input | nothing, not even an acknowledgement |
 * | `serverStream` | one input | items |
 * | `clientStream` | an opening, then items | one output |
 * | `duplex` | an opening, then items | items |
 *
 * @category Sessions
 */
export type Shape =
  | "unary"
  | "notification"
  | "serverStream"
  | "clientStream"
  | "duplex";

/** Method shapes, indexed by their wire value (PROTOCOL.md, "Methods and hashes"). */
export const SHAPES: readonly Shape[] = [
  "unary",
  "notification",
  "serverStream",
  "clientStream",
  "duplex",
];
