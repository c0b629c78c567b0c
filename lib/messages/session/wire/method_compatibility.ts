/**
 * When a method that one end calls is not the one that the other handles
 * (PROTOCOL.md, "Mismatches").
 *
 * @module
 */
import type { Shape } from "./shape.ts";

/** How it is not, in the order of the numbers on the wire. */
export const MISMATCH_REASONS = ["missing", "shape", "schema"] as const;

/** How it is not. */
export type MismatchReason = typeof MISMATCH_REASONS[number];

/** What is compared of a method. */
interface Compared {
  readonly shape: Shape;
  readonly hash: number;
}

/** In what a method differs at the end that handles it; a hash of 0 is not compared. */
export function mismatchOf(
  caller: Compared,
  callee: Compared | undefined,
): MismatchReason | undefined {
  if (callee === undefined) return "missing";
  if (caller.shape !== callee.shape) return "shape";
  const known = caller.hash !== 0 && callee.hash !== 0;
  return known && caller.hash !== callee.hash ? "schema" : undefined;
}
