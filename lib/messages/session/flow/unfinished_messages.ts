/**
 * Bounds the messages that this side has begun and not finished. They
 * alternate frame by frame, so without a bound the peer would have to keep the
 * parts of all of them. The peer's HELLO states how many bytes it keeps
 * (PROTOCOL.md, "Messages in several frames").
 *
 * Items do not count: their parts wait for the credit of their call.
 *
 * @module
 */
import type { Source } from "./send_scheduler.ts";

const NONE: readonly Source[] = [];

/** The sizes of the unfinished messages of one direction. */
export class UnfinishedMessages {
  /** Bytes that the peer accepts. */
  limit: number;
  #bytes = 0;
  /** Created on first use: a server may hold thousands of idle sessions. */
  #waiting: Set<Source> | undefined = undefined;

  /** @param limit bytes that the peer accepts */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** Number of bytes of the unfinished messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Returns whether a message of this size must wait.
   * One message may always be begun, whatever its size.
   */
  mustWait(source: Source, size: number): boolean {
    if (this.#bytes === 0 || this.#bytes + size <= this.limit) return false;
    (this.#waiting ??= new Set()).add(source);
    return true;
  }

  /** Forgets a source that has nothing left to send. */
  forget(source: Source): void {
    this.#waiting?.delete(source);
  }

  /** Counts a message whose first frame is being sent. */
  begin(size: number): void {
    this.#bytes += size;
  }

  /**
   * Stops counting a message that is finished or abandoned.
   *
   * @returns the sources that were waiting
   */
  end(size: number): Iterable<Source> {
    this.#bytes -= size;
    const waiting = this.#waiting ?? NONE;
    this.#waiting = undefined;
    return waiting;
  }
}
