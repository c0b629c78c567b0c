/**
 * Items of a call as an async iterator.
 *
 * @module
 */
import type { SessionStream } from "../session/flow/shared_state.ts";

/** Where items come from. */
export interface ItemSource {
  /** The next one that has come; if none has, {@linkcode ItemReader.put} is called with it later. */
  take(call: SessionStream): Uint8Array | undefined;
  /** From bytes to a value, checked by the method's schema; the bytes are valid during the call. @throws what iteration then fails with */
  decode(body: Uint8Array): unknown;
  /** Nobody will ask for more: the loop was left, or failed with that. */
  abandoned(failure?: unknown): void;
}

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: unknown): void;
}

const DONE: IteratorResult<never> = Object.freeze({
  done: true,
  value: undefined,
});

/**
 * Hands out items one after the other; reads ask for credit, so a reader that
 * stops stops the sender. An item that cannot be decoded, or is not valid, ends
 * the iteration: a loop that fails does not call `return`.
 */
export class ItemReader implements AsyncIterableIterator<unknown> {
  /** The call; set once it is known. */
  call: SessionStream | undefined;
  #waiters: Waiter[] = [];
  #ended = false;
  #failure: { readonly error: unknown } | undefined = undefined;
  #left = false;
  readonly #source: ItemSource;

  /**
   * @param source where items come from
   * @param call the call, if it is known
   */
  constructor(source: ItemSource, call?: SessionStream) {
    this.#source = source;
    this.call = call;
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
    if (!this.#ended) return undefined;
    this.#left = true;
    return this.#failure === undefined
      ? Promise.resolve(DONE)
      : Promise.reject(this.#failure.error);
  }

  async #decoded(body: Uint8Array): Promise<IteratorResult<unknown>> {
    try {
      return { done: false, value: await this.#source.decode(body) };
    } catch (error) {
      this.#leave(error);
      throw error;
    }
  }

  /** The item that was waited for. The bytes are valid during the call. */
  put(body: Uint8Array): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    this.#decoded(body).then(waiter.resolve, waiter.reject);
    // The next in line starts to wait, which asks for the next item.
    if (this.#waiters.length > 0) this.#serve();
  }

  /**
   * No more items will come: once those that have are taken, iteration ends, or
   * fails.
   *
   * @param failure what it fails with
   * @param atOnce drops the items that have come: nobody waited for them to the end
   */
  end(failure?: { readonly error: unknown }, atOnce = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    if (atOnce) this.call = undefined;
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

  #leave(failure?: unknown): void {
    if (this.#left) return;
    this.#left = true;
    this.#serve();
    this.#source.abandoned(failure);
  }

  /** Leaves the loop: what else comes is not wanted. */
  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#leave();
    return Promise.resolve({ done: true, value });
  }

  /** @inheritdoc */
  [Symbol.asyncIterator](): this {
    return this;
  }
}
