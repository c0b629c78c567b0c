/**
 * Decides which frame is sent next. A source is a call with queued messages, or
 * the queue of requests or of notifications. It waits for one of two reasons:
 *
 * - It lacks something that the peer grants: credit, a call slot, or room for an
 *   unfinished message. It is then not part of the rings; the grant adds it again.
 * - Too much is unsent. It waits in a ring for its turn.
 *
 * ```text
 *   small   call 7: RESULT ▒   call 9: END     ┐  one frame of each source in turn;
 *   medium  call 3: RESULT ▒▒▒                 ├─▶ after RUN bytes of a ring, one
 *   large   call 5: RESULT ▒▒▒▒▒▒▒▒▒▒▒▒▒▒      ┘  frame of the rings after it
 * ```
 *
 * A small message therefore waits for a few frames, however many larger messages
 * are being sent, and no ring can starve another.
 *
 * @module
 */

/** Sizes in bytes up to which a message is small, or medium. */
const SIZES = [16 * 1024, 128 * 1024] as const;

/** Bytes of a ring before a frame of the rings after it. */
const RUN = 64 * 1024;

/** Number of rings. */
export const RINGS: number = SIZES.length + 1;

/** Returns the ring for a message of this size: 0 for a small one. */
export function ringOf(size: number): number {
  const ring = SIZES.findIndex((most) => size <= most);
  return ring < 0 ? SIZES.length : ring;
}

/** A queue of messages whose frames take turns with other queues. */
export interface Source {
  /** Whether the source has more to send. */
  readonly hasNext: boolean;
  /** Bytes of the next message; 0 if it is not encoded yet. */
  readonly nextSize: number;
  /**
   * Returns whether the source must wait for the peer. If so, the source is
   * added to the scheduler again when the peer has granted what it lacks.
   */
  mustWait(): boolean;
  /** Sends one frame, and returns its length in bytes. */
  sendNext(): number;
}

/** Sources of messages of about the same size. */
class Ring {
  readonly sources: Set<Source> = new Set();
  /** Bytes sent since the last frame of the rings after it. */
  run = 0;
}

/** The sources that may send, in rings. */
export class SendScheduler {
  readonly #rings: readonly Ring[] = Array.from(
    { length: RINGS },
    () => new Ring(),
  );
  #running = false;
  #closed = false;

  /** Whether no source is waiting for its turn. */
  get idle(): boolean {
    return this.#rings.every(({ sources }) => sources.size === 0);
  }

  /** Adds a source that has more to send and need not wait. */
  add(source: Source): void {
    if (this.#closed || !source.hasNext || source.mustWait()) return;
    const ring = ringOf(source.nextSize);
    for (const [index, { sources }] of this.#rings.entries()) {
      if (index === ring) break;
      if (sources.has(source)) return; // it keeps its turn in a ring before
    }
    for (const [index, { sources }] of this.#rings.entries()) {
      if (index > ring) sources.delete(source);
    }
    this.#rings[ring]!.sources.add(source); // in range: there are that many
  }

  /** Removes a source, if it is present. */
  remove(source: Source): void {
    for (const { sources } of this.#rings) sources.delete(source);
  }

  /** Removes all sources, and ignores later ones. */
  close(): void {
    this.#closed = true;
    for (const { sources } of this.#rings) sources.clear();
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
    const turn = this.#nextRing();
    const [source] = this.#rings[turn]!.sources; // in range: one of the rings
    if (source === undefined) return;
    this.remove(source);
    // Another source may have used up the credit since this one was added.
    if (source.mustWait()) return;
    const length = source.sendNext();
    this.#rings[turn]!.run += length; // as above
    for (const before of this.#rings.slice(0, turn)) before.run = 0;
    this.add(source);
  }

  /** Returns the ring whose turn it is. */
  #nextRing(): number {
    let last = 0;
    for (const [index, { sources, run }] of this.#rings.entries()) {
      if (sources.size === 0) continue;
      last = index;
      if (run < RUN) return index;
    }
    return last;
  }
}
