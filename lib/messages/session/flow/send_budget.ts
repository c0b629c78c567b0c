/**
 * Limits how many bytes of one kind of traffic may be unsent. Traffic that would
 * otherwise fill all the available space has a budget; the rest of the space is
 * for calls and results that are sent at once.
 *
 * ```text
 *  unsent   ├─ items and waiting messages ─┼─ broadcast notifications ─┤ calls, results
 *           └────────── each up to the limit of its budget ────────────┘ up to unsentSoft
 * ```
 *
 * @module
 */

/** Progress of the transport through the byte stream. */
export interface Progress {
  /** Number of bytes framed so far. */
  readonly position: number;
  /** Number of framed bytes that the transport has not taken yet. */
  readonly unsent: number;
}

/** Budget for the unsent frames of one kind of traffic. */
export class SendBudget {
  readonly #progress: Progress;
  readonly #limit: number;
  /** End position and length of each frame, alternating; entries before `#head` have been sent. */
  #frames: number[] = [];
  #head = 0;
  #bytes = 0;

  /**
   * @param progress progress of the transport
   * @param limit frames may be added while fewer bytes than this are unsent; the
   * last frame may exceed the limit
   */
  constructor(progress: Progress, limit: number) {
    this.#progress = progress;
    this.#limit = limit;
  }

  /** Whether another frame may be added. */
  get hasRoom(): boolean {
    if (this.#bytes < this.#limit) return true;
    this.#dropSent();
    return this.#bytes < this.#limit;
  }

  /** Number of frames that the transport has not taken yet. */
  get count(): number {
    this.#dropSent();
    return (this.#frames.length - this.#head) / 2;
  }

  /** Counts a frame that has just been committed. */
  add(length: number): void {
    this.#dropSent(); // or a budget that is never exhausted would grow
    this.#frames.push(this.#progress.position, length);
    this.#bytes += length;
  }

  #dropSent(): void {
    const { position, unsent } = this.#progress;
    const taken = position - unsent;
    const frames = this.#frames;
    // In range: the head is even and below the length, which is even.
    while (this.#head < frames.length && frames[this.#head]! <= taken) {
      this.#bytes -= frames[this.#head + 1]!;
      this.#head += 2;
    }
    if (this.#head * 2 < frames.length) return;
    frames.splice(0, this.#head);
    this.#head = 0;
  }
}
