/**
 * Compares the two declarations of a method (PROTOCOL.md, "Mismatches").
 *
 * @module
 */
import type { Shape } from "./shape.ts";

/**
 * The way in which the callee's declaration differs from the caller's.
 *
 * | reason | meaning | effect on calls |
 * | --- | --- | --- |
 * | `missing` | the callee does not have the method | fail with `unimplemented`; a server's notifications are dropped |
 * | `shape` | the method has a different shape at the callee | the same as for `missing` |
 * | `schema` | the schemas of the method differ | may succeed; each call is validated on its own |
 *
 * @category Sessions
 */
export type MismatchReason = "missing" | "shape" | "schema";

/** Mismatch reasons, indexed by their wire value. */
export const MISMATCH_REASONS: readonly MismatchReason[] = [
  "missing",
  "shape",
  "schema",
];

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
