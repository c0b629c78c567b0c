/**
 * Compares the two declarations of a method (PROTOCOL.md, "Mismatches").
 *
 * @module
 */
import type { Shape } from "./shape.ts";

/** Mismatch reasons, indexed by their wire value. */
export const MISMATCH_REASONS = ["missing", "shape", "schema"] as const;

/** Why a method does not match. */
export type MismatchReason = typeof MISMATCH_REASONS[number];

/** The parts of a declaration that are compared. */
interface Compared {
  readonly shape: Shape;
  readonly hash: number;
}

/** Returns how the callee's method differs; a hash of 0 is not compared. */
export function mismatchOf(
  caller: Compared,
  callee: Compared | undefined,
): MismatchReason | undefined {
  if (callee === undefined) return "missing";
  if (caller.shape !== callee.shape) return "shape";
  const known = caller.hash !== 0 && callee.hash !== 0;
  return known && caller.hash !== callee.hash ? "schema" : undefined;
}
