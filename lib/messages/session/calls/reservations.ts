/**
 * Sums of reserved bytes that expire. A reservation that is not released within
 * 64 ms no longer counts, so a handler that runs longer holds back no other.
 *
 * ```text
 *   released or expired │ step − 3 │ step − 2 │ step − 1 │ step │
 *                       └──────────── the total ────────────────┘
 * ```
 *
 * @module
 */

/** Milliseconds of a step; a reservation lasts for three to four. */
export const RESERVATION_STEP = 16;
const STEPS = 4;
const MASK = STEPS - 1;

/** Reserved bytes that expire. */
export class Reservations {
  /** Sum of the reservations that have not expired. */
  total = 0;
  readonly #sums: number[] = new Array(STEPS).fill(0);
  #step = -Infinity;
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
    const step = Math.floor(now / RESERVATION_STEP);
    this.#nextAt = (step + 1) * RESERVATION_STEP;
    const first = Math.max(this.#step + 1, step - STEPS + 1);
    for (let next = first; next <= step; next++) {
      this.total -= this.#sums[next & MASK]!; // in range, as above
      this.#sums[next & MASK] = 0;
    }
    this.#step = step;
  }
}
