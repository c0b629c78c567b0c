/**
 * Items of a call as an async iterator.
 *
 * @module
 */
import type { StreamCall as SessionStream } from "./session/link.ts";

/** Where items come from. */
export interface ItemSource {
  /** The next one that has come; if none has, {@linkcode ItemReader.put} is called with it later. */
  take(call: SessionStream): Uint8Array | undefined;
  /** From bytes to a value, checked by the method's schema. @throws what the call then fails with */
  decode(body: Uint8Array): unknown;
  /** Nobody will ask for more. */
  abandoned(): void;
}

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

const DONE: IteratorResult<never> = Object.freeze({
  done: true,
  value: undefined,
});

/** Hands out items one after the other; reads ask for credit, so a reader that stops stops the sender. */
export class ItemReader implements AsyncIterableIterator<unknown> {
  /** The call; set once it is known. */
  call: SessionStream | undefined = undefined;
  #waiters: Waiter[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined = undefined;
  #left = false;
  readonly #source: ItemSource;

  /** @param source where items come from */
  constructor(source: ItemSource) {
    this.#source = source;
  }

  /** The next item. Calls may overlap; they are answered in order. */
  next(): Promise<IteratorResult<unknown>> {
    if (this.#waiters.length === 0) {
      const now = this.#takeNow();
      if (now !== undefined) return now;
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  #takeNow(): Promise<IteratorResult<unknown>> | undefined {
    if (this.#left) return Promise.resolve(DONE);
    const body = this.call && this.#source.take(this.call);
    if (body !== undefined) return this.#decoded(body);
    if (this.#failure !== undefined) {
      this.#left = true;
      return Promise.reject(this.#failure.error);
    }
    return this.#ended ? Promise.resolve(DONE) : undefined;
  }

  async #decoded(body: Uint8Array): Promise<IteratorResult<unknown>> {
    return { done: false, value: await this.#source.decode(body) };
  }

  /** The item that was waited for. The bytes are valid during the call. */
  put(body: Uint8Array): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    this.#decoded(body).then(waiter.resolve, waiter.reject);
    // The next in line starts to wait, which asks for the next item.
    if (this.#waiters.length > 0) this.#serve();
  }

  /** No more items will come: once those that have are taken, iteration ends, or fails. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    this.#serve();
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const now = this.#takeNow();
      if (now === undefined) return;
      const { resolve, reject } = this.#waiters.shift()!; // the loop's condition
      now.then(resolve, reject);
    }
  }

  /** Leaves the loop: what else comes is not wanted. */
  return(): Promise<IteratorResult<unknown>> {
    if (!this.#left) {
      this.#left = true;
      this.#serve();
      this.#source.abandoned();
    }
    return Promise.resolve(DONE);
  }

  /** @inheritdoc */
  [Symbol.asyncIterator](): this {
    return this;
  }
}
