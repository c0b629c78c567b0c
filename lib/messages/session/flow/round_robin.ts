/**
 * Sends queued messages one frame at a time, in round-robin order. A long message
 * therefore does not delay the others. Each source sends one frame per round; a
 * source is the send queue of a call, or the queue of requests.
 *
 * ```text
 *   call 5:  RESULT ▒▒▒▒▒▒▒▒▒       ┐
 *   call 9:  ITEM ▒▒▒▒  END         ├─▶ one frame of each in turn ─▶ sink
 *   requests: REQUEST ▒▒▒  NOTIFY   ┘   while their send budget has room
 * ```
 *
 * @module
 */

/** A queue of messages whose frames take turns with other queues. */
export interface Source {
  /** Sends one frame; returns false if it may not send one now. */
  sendNext(): boolean;
  /** Whether the source has more to send. */
  readonly hasNext: boolean;
  /**
   * Whether the source must wait for credit. It then leaves the round robin, and
   * is added again when credit arrives.
   */
  readonly lacksCredit: boolean;
}

/** A message, or the rest of one, waiting for its turn. */
export interface PendingMessage {
  readonly kind: number;
  readonly bytes: Uint8Array;
  offset: number;
}

/** Sources that take turns. */
export class RoundRobin {
  readonly #sources: Set<Source> = new Set();
  #running = false;

  /** Whether no source is waiting for its turn. */
  get empty(): boolean {
    return this.#sources.size === 0;
  }

  /** Adds a source; has no effect if it is already present or lacks credit. */
  add(source: Source): void {
    if (!source.lacksCredit) this.#sources.add(source);
  }

  /** Removes a source, if it is present. */
  remove(source: Source): void {
    this.#sources.delete(source);
  }

  /** Removes all sources. */
  clear(): void {
    this.#sources.clear();
  }

  /** Runs sources in turn until none may send or no budget remains. */
  run(sendBudget: { readonly hasRoom: boolean }): void {
    if (this.#running) return; // a turn added a source, which the running loop will reach
    this.#running = true;
    try {
      this.#takeTurns(sendBudget);
    } finally {
      this.#running = false;
    }
  }

  #takeTurns(sendBudget: { readonly hasRoom: boolean }): void {
    let blocked = 0;
    for (const source of this.#sources) { // sources added during the loop come last
      if (blocked >= this.#sources.size || !sendBudget.hasRoom) return;
      this.#sources.delete(source);
      const sent = source.sendNext();
      if (source.hasNext) this.add(source);
      if (sent) blocked = 0;
      else if (this.#sources.has(source)) blocked++;
    }
  }
}
