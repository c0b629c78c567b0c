/**
 * Framings under the names people know them by.
 *
 * @module
 */
import type { Framing } from "./framing.ts";
import { lengthPrefixed } from "./length_prefixed.ts";

/** Options of the presets. */
export interface PresetOptions {
  /**
   * The most bytes of payload in a frame, both ways.
   *
   * @default {4194304} clipped to what the length field can say
   */
  maxFrameLength?: number;
  /**
   * What to do with a frame that is too long: throw, or count it and go on.
   *
   * @default {"close"}
   */
  onTooLong?: "close" | "skip";
}

/**
 * ```text
 * ┌────────────────┬─────────┐
 * │ length u32 BE  │ payload │
 * └────────────────┴─────────┘
 * ```
 *
 * @throws {RangeError} if `maxFrameLength` is out of range
 */
export function u32be(options: PresetOptions = {}): Framing {
  return lengthPrefixed({ ...options, width: 4 });
}
