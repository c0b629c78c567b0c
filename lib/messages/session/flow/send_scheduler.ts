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
  let ring = 0;
  for (const most of SIZES) {
    if (size <= most) break;
    ring++;
  }
  return ring;
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
    for (const { sources } of this.#rings) {
      if (sources.size > 0) return false;
    }
    return true;
  }

  /** Adds a source that has more to send and need not wait. */
  add(source: Source): void {
    if (this.#closed || !source.hasNext || source.mustWait()) return;
    const own = this.#rings[ringOf(source.nextSize)]!; // in range: there are that many
    let after = false; // whether the ring comes after its own
    for (const ring of this.#rings) {
      if (ring === own) after = true;
      else if (after) ring.sources.delete(source);
      else if (ring.sources.has(source)) return; // it keeps its turn in a ring before
    }
    own.sources.add(source);
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
    const ring = this.#nextRing();
    const [source] = ring.sources;
    if (source === undefined) return;
    this.remove(source);
    // Another source may have used up the credit since this one was added.
    if (source.mustWait()) return;
    const length = source.sendNext();
    ring.run += length;
    for (const before of this.#rings) {
      if (before === ring) break;
      before.run = 0;
    }
    this.add(source);
  }

  /** Returns the ring whose turn it is. */
  #nextRing(): Ring {
    let last = this.#rings[0]!; // in range: there is at least one
    for (const ring of this.#rings) {
      if (ring.sources.size === 0) continue;
      last = ring;
      if (ring.run < RUN) break;
    }
    return last;
  }
}
