/**
 * Resolved options for `chunked()`.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import type { SplitRule } from "./split_rules.ts";

/** The resolved options for `chunked`. */
export interface ChunkedConfig {
  readonly inner: Framing;
  readonly rule: SplitRule;
  readonly maxParts: number;
  readonly limit: number;
  readonly range: readonly [min: number, max: number];
  readonly skip: boolean;
}

/** Returns the length of the largest part of messages of `limit` bytes. */
export function partFor(
  limit: number,
  { rule }: Pick<ChunkedConfig, "rule">,
): number {
  const kept = rule.keepHeader ? rule.headerLength : 0;
  return Math.min(rule.partLength, limit - kept) + rule.headerLength;
}
