/**
 * Credit that streams share for raising their windows. The pools of the sessions
 * of a server, or of a client, draw on one pool, so that all raises together are
 * bounded by its memory.
 *
 * @module
 */

/** Credit for raises. */
export class CreditPool {
  /** Whether nothing can be taken, because too much memory is in use. */
  paused = false;
  #left: number;
  #taken = 0;
  #parent: CreditPool | undefined;

  /**
   * @param size bytes of the pool
   * @param parent pool on which this one draws
   */
  constructor(size: number, parent?: CreditPool) {
    this.#left = size;
    this.#parent = parent;
  }

  /** Number of bytes left in this pool. */
  get left(): number {
    return this.#left;
  }

  /** Number of bytes taken and not returned. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes up to `most` bytes, and returns how many. */
  take(most: number): number {
    if (this.paused) return 0;
    const wanted = Math.max(0, Math.min(most, this.#left));
    const taken = this.#parent?.take(wanted) ?? wanted;
    this.#left -= taken;
    this.#taken += taken;
    return taken;
  }

  /** Returns bytes that were taken. */
  give(bytes: number): void {
    this.#left += bytes;
    this.#taken -= bytes;
    this.#parent?.give(bytes);
  }

  /** Returns everything to the parent, and draws on it no more. */
  detach(): void {
    this.#parent?.give(this.#taken);
    this.#parent = undefined;
  }
}
