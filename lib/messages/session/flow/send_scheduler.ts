/**
 * Decides which frame is sent next. A source is a call with queued messages, or
 * the queue of requests or of notifications. It waits for one of two reasons:
 *
 * - It lacks something that the peer grants: credit, a call slot, or room for an
 *   unfinished message. It is then not part of the rings; the grant adds it again.
 * - Too much is unsent. It waits in a ring for its turn.
 *
 * ```text
 *   short  call 7: RESULT ▒   call 9: END       ┐  one frame of each source in turn;
 *                                               ├─▶ after SHORT_RUN bytes of short
 *   long   call 5: RESULT ▒▒▒▒▒▒▒▒▒             ┘  messages, one frame of a long one
 * ```
 *
 * A short message therefore waits for a few frames, however many long messages
 * are being sent, and neither ring can starve the other.
 *
 * @module
 */

/** Bytes of short messages before a frame of a long one. */
const SHORT_RUN = 64 * 1024;

/** A queue of messages whose frames take turns with other queues. */
export interface Source {
  /** Whether the source has more to send. */
  readonly hasNext: boolean;
  /** Whether the next frame is likely to be a complete message. */
  readonly short: boolean;
  /**
   * Returns whether the source must wait for the peer. If so, the source is
   * added to the scheduler again when the peer has granted what it lacks.
   */
  mustWait(): boolean;
  /** Sends one frame, and returns its length in bytes. */
  sendNext(): number;
}

/** The sources that may send, in two rings. */
export class SendScheduler {
  readonly #short: Set<Source> = new Set();
  readonly #long: Set<Source> = new Set();
  /** Bytes of short messages since the last frame of a long one. */
  #shortRun = 0;
  #running = false;
  #closed = false;

  /** Whether no source is waiting for its turn. */
  get idle(): boolean {
    return this.#short.size + this.#long.size === 0;
  }

  /** Adds a source that has more to send and need not wait. */
  add(source: Source): void {
    if (this.#closed || !source.hasNext || source.mustWait()) return;
    // It keeps its turn if it is present already.
    if (source.short) {
      this.#long.delete(source);
      this.#short.add(source);
    } else if (!this.#short.has(source)) this.#long.add(source);
  }

  /** Removes a source, if it is present. */
  remove(source: Source): void {
    this.#short.delete(source);
    this.#long.delete(source);
  }

  /** Removes all sources, and ignores later ones. */
  close(): void {
    this.#closed = true;
    this.#short.clear();
    this.#long.clear();
  }

  /** Lets sources send in turn while there is room. */
  run(room: { readonly hasRoom: boolean }): void {
    if (this.#running) return; // a turn added a source, which the running loop will reach
    this.#running = true;
    try {
      while (!this.idle && room.hasRoom) this.#takeTurn();
    } finally {
      this.#running = false;
    }
  }

  #takeTurn(): void {
    const takeShort = this.#short.size > 0 &&
      (this.#long.size === 0 || this.#shortRun < SHORT_RUN);
    const [source] = takeShort ? this.#short : this.#long;
    if (source === undefined) return;
    this.remove(source);
    // Another source may have used up the credit since this one was added.
    if (source.mustWait()) return;
    const length = source.sendNext();
    this.#shortRun = takeShort ? this.#shortRun + length : 0;
    this.add(source);
  }
}
