/**
 * Items of calls that may be sent again.
 *
 * | items | the call can be sent again |
 * | --- | --- |
 * | an array | always: each attempt begins with its first item |
 * | another iterable | until its first item was sent; that item is kept |
 * | passed to `send()` | until the first of them |
 *
 * @module
 */
import { SentItems } from "../calls/sent_items.ts";
import type { Items } from "../protocol/client_types.ts";
import {
  type AnyIterator,
  isIterableObject,
  iteratorOf,
} from "../streams/item_pump.ts";

/** The items of a call that may be sent again. */
export interface ResendableItems {
  /** The items of the next attempt. */
  readonly items: Items<unknown> | undefined;
  /** Whether the call can be sent again with all its items. */
  readonly intact: boolean;
  /** Keeps the items when an attempt ends. */
  hold(): void;
  /** No longer keeps them, because no other attempt follows. */
  release(): void;
  /** Prepares the items for another attempt. */
  rewind(): void;
}

/**
 * Returns the items of a call.
 *
 * @param items the items of its request; each attempt checks them
 */
export function resendable(
  items: Items<unknown> | undefined,
): ResendableItems | undefined {
  if (items instanceof SentItems) return new PassedItems(items);
  if (!isIterableObject(items)) return undefined;
  return Array.isArray(items) ? new ArrayItems(items) : new PulledItems(items);
}

/** Items that can be iterated any number of times. */
class ArrayItems implements ResendableItems {
  readonly intact = true;
  readonly items: Items<unknown>;

  constructor(items: Items<unknown>) {
    this.items = items;
  }

  hold(): void {}
  release(): void {}
  rewind(): void {}
}

/** Items that the caller passes to `send()`. */
class PassedItems implements ResendableItems {
  readonly items: SentItems;

  constructor(items: SentItems) {
    this.items = items;
  }

  get intact(): boolean {
    return this.items.untouched;
  }

  hold(): void {}
  release(): void {}

  rewind(): void {
    this.items.rewind();
  }
}

/** Items of an iterable that can be iterated once. */
class PulledItems implements ResendableItems, AsyncIterable<unknown> {
  readonly #source: Items<unknown>;
  #iterator: AnyIterator | undefined = undefined;
  /** The first item, until it was sent. */
  #first: Promise<IteratorResult<unknown>> | undefined = undefined;
  /** Whether the first item was sent. */
  #begun = false;
  /** Whether the items are kept when an attempt ends. */
  #held = false;
  /** Whether an attempt has ended while they were kept. */
  #left = false;
  #closed = false;

  constructor(source: Items<unknown>) {
    this.#source = source;
  }

  get items(): this {
    return this;
  }

  get intact(): boolean {
    return !this.#begun && !this.#closed;
  }

  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    if (this.#left) this.#close().catch(() => {}); // the call has ended
  }

  rewind(): void {
    this.#left = false;
  }

  /** Returns the items of one attempt. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    let asked = false;
    return {
      next: () => {
        if (!asked) {
          asked = true;
          return this.#first ??= this.#pull();
        }
        this.#begun = true; // a request for the next item confirms this one
        this.#first = undefined;
        return this.#pull();
      },
      return: () => this.#leave(),
    };
  }

  /** Returns the promise of an asynchronous iterator itself, without delay. */
  #pull(): Promise<IteratorResult<unknown>> {
    const iterator = this.#iterator ??= iteratorOf(this.#source);
    const pulled = iterator.next();
    return pulled instanceof Promise ? pulled : Promise.resolve(pulled);
  }

  async #leave(): Promise<IteratorResult<unknown>> {
    if (!this.#held || this.#begun) await this.#close();
    else this.#left = true;
    return { done: true, value: undefined };
  }

  async #close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#iterator?.return?.();
  }
}
