/**
 * How much of one kind of traffic is on its way to the transport. Each kind
 * that fills up what room there is has a send budget of its own, so that none of them
 * keeps the others out, and all together leave room for calls and results.
 *
 * ```text
 *  unsent   ├─ fragments ─┼─ items ─┼─ notifications to many ─┤   calls, results
 *           └──── each up to its send budget's width ────────────────┘    up to unsentSoft
 * ```
 *
 * @module
 */

/** Where the transport stands in the stream of bytes. */
export interface Progress {
  /** Bytes framed so far. */
  readonly position: number;
  /** Bytes of those that the transport has not taken. */
  readonly unsent: number;
}

/** Frames of one kind that the transport has not taken. */
export class SendBudget {
  readonly #progress: Progress;
  readonly #width: number;
  /** Where each of them ends and how long it is, in turns; those in front of the head were taken. */
  #frames: number[] = [];
  #head = 0;
  #bytes = 0;

  /**
   * @param progress of the transport
   * @param width bytes up to which frames may be added; the last one may overshoot
   */
  constructor(progress: Progress, width: number) {
    this.#progress = progress;
    this.#width = width;
  }

  /** Whether another frame may be added. */
  get open(): boolean {
    if (this.#bytes < this.#width) return true;
    this.#forgetTaken();
    return this.#bytes < this.#width;
  }

  /** Counts the frame that has just been framed. */
  add(length: number): void {
    this.#frames.push(this.#progress.position, length);
    this.#bytes += length;
  }

  #forgetTaken(): void {
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
