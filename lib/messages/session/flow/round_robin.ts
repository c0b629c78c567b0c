/**
 * Long messages leave in frames that take turns, so that none keeps the others
 * waiting. What takes turns is a source: the messages of one call, or the
 * requests that wait.
 *
 * ```text
 *   call 5:  RESULT ▒▒▒▒▒▒▒▒▒       ┐
 *   call 9:  ITEM ▒▒▒▒  END         ├─▶ one frame of each in turn ─▶ sink
 *   requests: REQUEST ▒▒▒  NOTIFY   ┘   while their send budget is open
 * ```
 *
 * @module
 */

/** What takes turns. */
export interface Source {
  /** Sends one frame, or says that it may not now. */
  sendNext(): boolean;
  /** Whether it has more to send. */
  readonly hasNext: boolean;
  /** Whether it cannot go on before credit comes. It leaves the round robin, and whoever gives it credit adds it again. */
  readonly lacksCredit: boolean;
}

/** A message, or the rest of one, that waits for its turn. */
export interface Pending {
  readonly kind: number;
  readonly bytes: Uint8Array;
  offset: number;
}

/** Sources that take turns. */
export class RoundRobin {
  readonly #sources: Set<Source> = new Set();
  #running = false;

  /** Whether nothing waits for its turn. */
  get empty(): boolean {
    return this.#sources.size === 0;
  }

  /** Adds a source; harmless for one that is in it, or that has no credit. */
  add(source: Source): void {
    if (!source.lacksCredit) this.#sources.add(source);
  }

  /** Removes a source; harmless for one that is not in it. */
  remove(source: Source): void {
    this.#sources.delete(source);
  }

  /** Removes all. */
  clear(): void {
    this.#sources.clear();
  }

  /** Gives each source its turn, again and again, until none may send or the send budget is full. */
  run(sendBudget: { readonly open: boolean }): void {
    if (this.#running) return; // what a turn adds has its own turn in the loop that runs
    this.#running = true;
    try {
      this.#takeTurns(sendBudget);
    } finally {
      this.#running = false;
    }
  }

  #takeTurns(sendBudget: { readonly open: boolean }): void {
    let blocked = 0;
    for (const source of this.#sources) { // those that are added meanwhile come last
      if (blocked >= this.#sources.size || !sendBudget.open) return;
      this.#sources.delete(source);
      const sent = source.sendNext();
      if (source.hasNext) this.add(source);
      if (sent) blocked = 0;
      else if (this.#sources.has(source)) blocked++;
    }
  }
}
