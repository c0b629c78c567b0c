/**
 * Sums of reserved bytes that expire. A reservation that is not released within
 * 64 ms no longer counts, so a handler that runs longer holds back no other.
 *
 * ```text
 *   released or expired │ step − 3 │ step − 2 │ step − 1 │ step │
 *                       └──────────── the total ────────────────┘
 * ```
 *
 * Only time in which the process runs counts: if it had no processor for 100 ms,
 * handlers that wait for 10 ms have not responded either. One call therefore
 * begins at most one step, unless nothing was asked for a second.
 *
 * @module
 */

/** Milliseconds of a step; a reservation lasts for three to four. */
export const RESERVATION_STEP = 16;
const STEPS = 4;
/** Milliseconds without a call after which all reservations expire. */
const PAUSE = 1000;
const MASK = STEPS - 1;

/** Reserved bytes that expire. */
export class Reservations {
  /** Sum of the reservations that have not expired. */
  total = 0;
  readonly #sums: number[] = new Array(STEPS).fill(0);
  #step = 0;
  /** Time in ms at which the next step begins. */
  #nextAt = -Infinity;

  /**
   * Reserves bytes.
   *
   * @returns the step, which {@linkcode Reservations.release} requires
   */
  add(bytes: number, now: number): number {
    this.advance(now);
    this.#change(this.#step, bytes);
    return this.#step;
  }

  /** Releases a reservation, unless it has expired. */
  release(bytes: number, step: number): void {
    if (step > this.#step - STEPS) this.#change(step, -bytes);
  }

  #change(step: number, bytes: number): void {
    this.#sums[step & MASK]! += bytes; // in range: a mask for four entries
    this.total += bytes;
  }

  /** Expires old reservations. */
  advance(now: number): void {
    if (now < this.#nextAt) return;
    const steps = now < this.#nextAt + PAUSE ? 1 : STEPS;
    for (let n = 0; n < steps; n++) {
      this.#step++;
      this.total -= this.#sums[this.#step & MASK]!; // in range, as above
      this.#sums[this.#step & MASK] = 0;
    }
    this.#nextAt = now + RESERVATION_STEP;
  }
}
