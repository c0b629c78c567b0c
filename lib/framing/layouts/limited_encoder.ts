/**
 * Base class of the encoders, with a limit that can be changed.
 *
 * @module
 */
import { checkLimit } from "../decode/option_checks.ts";

/** An encoder's `maxFrameLength`, checked when it is set. */
export abstract class LimitedEncoder {
  /** Maximum payload length in bytes. */
  protected limit: number = 0;
  /** Smallest and largest valid limit. */
  readonly #range: readonly [least: number, most: number];

  constructor(limit: number, range: readonly [least: number, most: number]) {
    this.limit = limit;
    this.#range = range;
  }

  get maxFrameLength(): number {
    return this.limit;
  }

  set maxFrameLength(value: number) {
    this.limit = checkLimit(value, this.#range);
  }
}
