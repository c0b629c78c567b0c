/**
 * Bounds the memory for items beyond the windows of their streams.
 *
 * An item can be larger than the window of its stream. The parts of the next
 * item to be handed out are therefore paid in advance, and claim this budget
 * until the item is taken. An application that does not read would keep its
 * claim, so the last part of the budget is reserved for one item whose
 * application waits for it. Such an item is taken as soon as it is complete, and
 * the next one gets its turn. No stream can therefore starve a reader.
 *
 * The budget also bounds the credit that the account of all items lends. Loans
 * that complete the reserved item may exceed the limit by as much as the reserve:
 * the sender may use them for other items that it has begun.
 *
 * ```text
 *   0 ─────────── limit − reserve ──────────────── limit ── limit + reserve
 *   │ next items, and loans │ one item that is awaited │ loans to complete it │
 * ```
 *
 * @module
 */

/** The budget, for streams of any kind. */
export class ItemBudget<Stream> {
  #used = 0;
  /** The stream whose item uses the reserve. */
  #holder: Stream | undefined = undefined;
  readonly #readers: Set<Stream> = new Set();
  readonly #others: Set<Stream> = new Set();
  readonly #general: number;
  readonly #reserve: number;

  /**
   * @param limit bytes of the whole budget
   * @param reserve bytes that are reserved for an awaited item
   */
  constructor(limit: number, reserve: number) {
    this.#general = Math.max(0, limit - reserve);
    this.#reserve = reserve;
  }

  /** Number of bytes claimed. */
  get used(): number {
    return this.#used;
  }

  /** Number of streams that wait. */
  get waiting(): number {
    return this.#readers.size + this.#others.size;
  }

  /** Claims bytes outside the reserve; returns whether there was room. */
  claimGeneral(bytes: number): boolean {
    if (this.#used + bytes > this.#general) return false;
    this.#used += bytes;
    return true;
  }

  /** Claims bytes to lend while an item uses the reserve; returns whether it may. */
  claimForReserved(bytes: number): boolean {
    const limit = this.#general + 2 * this.#reserve;
    if (this.#holder === undefined || this.#used + bytes > limit) return false;
    this.#used += bytes;
    return true;
  }

  /**
   * Claims bytes for a stream's next item. If there is no room, the stream waits
   * and {@linkcode ItemBudget.resume} returns it later.
   *
   * @param awaited whether the application waits for the item
   */
  claim(stream: Stream, bytes: number, awaited: boolean): boolean {
    if (this.claimGeneral(bytes)) return true;
    if (awaited && (this.#holder ?? stream) === stream) {
      this.#holder = stream;
      this.#used += bytes;
      return true;
    }
    (awaited ? this.#readers : this.#others).add(stream);
    return false;
  }

  /** Returns bytes to the budget. */
  release(bytes: number): void {
    this.#used -= bytes;
  }

  /** Returns a stream's claim, because its item was taken or dropped. */
  endClaim(stream: Stream, bytes: number): void {
    this.release(bytes);
    if (this.#holder === stream) this.#holder = undefined;
    this.leave(stream);
  }

  /** Ends a stream's waiting, because its item is complete. */
  leave(stream: Stream): void {
    this.#readers.delete(stream);
    this.#others.delete(stream);
  }

  /**
   * Lets waiting streams claim again, readers first.
   *
   * @param claimAgain claims for one stream
   */
  resume(claimAgain: (stream: Stream) => void): void {
    for (const waiting of [this.#readers, this.#others]) {
      for (const stream of waiting) {
        waiting.delete(stream);
        claimAgain(stream);
        if (waiting.has(stream)) break; // no room for it, nor for those after it
      }
    }
  }
}
