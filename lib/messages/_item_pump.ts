/**
 * Moves the items of an iterable, one after the other, and lets go of it when
 * nobody wants more.
 *
 * @module
 */
import type { Items } from "./call_types.ts";

type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** What `for await` does, but that it can be stopped while it waits for an item. */
export class ItemPump {
  readonly #iterator: AnyIterator;
  #stopped = false;
  #returned: Promise<unknown> | undefined = undefined;

  /** @param items where they come from; an async iterator is preferred */
  constructor(items: Items<unknown>) {
    this.#iterator = Symbol.asyncIterator in items
      ? items[Symbol.asyncIterator]()
      : items[Symbol.iterator]();
  }

  /**
   * Sends every item, waiting for each to be taken.
   *
   * @param send takes one
   * @returns whether the last one has gone; `false` if it was stopped
   * @throws what the iterable throws, or else what `send` does
   */
  async run(send: (item: unknown) => Promise<void>): Promise<boolean> {
    while (!this.#stopped) {
      const { done, value } = await this.#iterator.next();
      if (done) return !this.#stopped;
      if (this.#stopped) break;
      try {
        // The values of an iterable that is not asynchronous may be promises.
        await send(await value);
      } catch (error) {
        await this.#return().catch(() => {});
        throw error;
      }
    }
    await this.#return();
    return false;
  }

  /**
   * No more items are wanted. A generator is left at its next `yield`; an
   * iterator that is not a generator can let go at once.
   */
  stop(): void {
    this.#stopped = true;
    this.#return().catch(() => {}); // run() tells
  }

  #return(): Promise<unknown> {
    return this.#returned ??= (async () => await this.#iterator.return?.())();
  }
}

/** Whether there are items in it; texts, though iterable, are not meant. */
export function hasItems(value: unknown): value is Items<unknown> {
  return typeof value === "object" && value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** Whether there are items in it that come one after the other, as a handler has to give them. */
export function hasAsyncItems(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null &&
    Symbol.asyncIterator in value;
}
