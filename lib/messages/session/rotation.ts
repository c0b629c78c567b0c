/**
 * Long messages leave in frames that take turns, so that none keeps the others
 * waiting. What takes turns is a source: the messages of one call, or the
 * requests that wait.
 *
 * ```text
 *   call 5:  RESULT ▒▒▒▒▒▒▒▒▒       ┐
 *   call 9:  ITEM ▒▒▒▒  END         ├─▶ one frame of each in turn ─▶ sink
 *   requests: REQUEST ▒▒▒  NOTIFY   ┘   while little is unsent
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
}

/** A message, or the rest of one, that waits for its turn. */
export interface Pending {
  readonly kind: number;
  readonly bytes: Uint8Array;
  offset: number;
}

/** Sources that take turns. */
export class Rotation {
  #sources: Source[] = [];

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#sources.length === 0;
  }

  /** Adds a source that is not in it. */
  add(source: Source): void {
    this.#sources.push(source);
  }

  /** Removes a source; harmless for one that is not in it. */
  remove(source: Source): void {
    const index = this.#sources.indexOf(source);
    if (index >= 0) this.#sources.splice(index, 1);
  }

  /** Removes all. */
  clear(): void {
    this.#sources = [];
  }

  /** Gives each source its turn, again and again, until none may send or there is no room. */
  run(room: { readonly bulkOpen: boolean }): void {
    let blocked = 0;
    while (blocked < this.#sources.length && room.bulkOpen) {
      const source = this.#sources.shift()!; // the loop's condition: there is one
      if (source.sendNext()) blocked = 0;
      else blocked++;
      if (source.hasNext) this.#sources.push(source);
    }
  }
}
