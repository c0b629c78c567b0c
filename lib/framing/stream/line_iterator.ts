/**
 * Lines of text from a web stream.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { LineBatches } from "./line_batches.ts";
import { checkedChunk } from "./web_streams.ts";

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The lines of a web stream. It is not a generator function, because a promise
 * for each line is all that it costs to return lines that have been decoded.
 */
export class LineIterator implements AsyncGenerator<string, void, void> {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #batches: LineBatches;
  #lines: readonly string[] = [];
  #at = 0;
  #ended = false;
  #closed = false;
  /** The last request in progress; later ones wait for it. */
  #last: Promise<unknown> | undefined = undefined;

  constructor(source: ReadableStream<Uint8Array>, framing: Framing) {
    this.#reader = source.getReader();
    this.#batches = new LineBatches(framing.decoder());
  }

  next(): Promise<IteratorResult<string, void>> {
    if (this.#last === undefined && this.#at < this.#lines.length) {
      return Promise.resolve({ done: false, value: this.#lines[this.#at++]! });
    }
    return this.#inOrder(() => this.#next());
  }

  return(): Promise<IteratorResult<string, void>> {
    return this.#inOrder(async () => {
      await this.#close();
      return DONE;
    });
  }

  throw(error: unknown): Promise<IteratorResult<string, void>> {
    return this.#inOrder(async () => {
      await this.#close();
      throw error;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #inOrder<T>(step: () => Promise<T>): Promise<T> {
    const last = this.#last;
    const result = last === undefined ? step() : last.then(step, step);
    const settled = (): void => {
      if (this.#last === result) this.#last = undefined;
    };
    this.#last = result;
    result.then(settled, settled);
    return result;
  }

  async #next(): Promise<IteratorResult<string, void>> {
    if (this.#closed) return DONE;
    try {
      while (this.#at === this.#lines.length) {
        this.#lines = this.#batches.take();
        this.#at = 0;
        if (this.#lines.length > 0) break;
        if (this.#ended) {
          this.#closed = true;
          this.#reader.releaseLock();
          return DONE;
        }
        const { done, value } = await this.#reader.read();
        this.#ended = done;
        if (done) this.#batches.end();
        else this.#batches.push(checkedChunk(value));
      }
      return { done: false, value: this.#lines[this.#at++]! };
    } catch (error) {
      await this.#close(error).catch(() => {}); // the first error counts
      throw error;
    }
  }

  /** Cancels the source, unless it has ended. */
  async #close(reason?: unknown): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#lines = [];
    this.#at = 0;
    try {
      await this.#reader.cancel(reason);
    } finally {
      this.#reader.releaseLock();
    }
  }
}
