import type { Framing } from "../framing.ts";
import type { SplitRule } from "./split_rules.ts";

/** The options of `chunked`, resolved. */
export interface ChunkedForm {
  readonly inner: Framing;
  readonly rule: SplitRule;
  readonly maxParts: number;
  readonly limit: number;
  readonly range: readonly [least: number, most: number];
  readonly skip: boolean;
}
