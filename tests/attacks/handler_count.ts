/**
 * Counts the handlers of one attack at a time.
 *
 * @module
 */

/** Counter of the handlers that run at once. */
export class HandlerCount {
  #count = { running: 0, most: 0 };

  /** Largest number of handlers that ran at once. */
  get most(): number {
    return this.#count.most;
  }

  /**
   * Begins a new count.
   *
   * Handlers of the attack before may still run; they do not count.
   */
  restart(): void {
    this.#count = { running: 0, most: 0 };
  }

  /** Counts a handler while it runs. */
  async during(work: Promise<void>): Promise<void> {
    const count = this.#count;
    count.most = Math.max(count.most, ++count.running);
    await work;
    count.running--;
  }
}
