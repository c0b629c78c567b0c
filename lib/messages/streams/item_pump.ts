/**
 * Moves the items of an iterable, one after the other, and lets go of it when
 * nobody wants more.
 *
 * @module
 */
import type { Items } from "../protocol/client_types.ts";

type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** What `for await` does, but that it can be stopped while it waits for an item. */
export class ItemPump {
  readonly #iterator: AnyIterator;
  #stopped = false;
  #pulling = false;
  #returned: Promise<unknown> | undefined = undefined;

  /** @param items where they come from; an async iterator is preferred */
  constructor(items: Items<unknown>) {
    this.#iterator = iteratorOf(items);
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
      const { done, value } = await this.#pull();
      if (this.#stopped) break;
      if (done) return true;
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

  /** The iterable's own code may stop this, and can be left only once it has come back. */
  #pull(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    this.#pulling = true;
    try {
      return this.#iterator.next();
    } finally {
      this.#pulling = false;
      if (this.#stopped) this.#leave();
    }
  }

  /**
   * No more items are wanted. A generator is left at its next `yield`; an
   * iterator that is not a generator, and a stream, can let go at once.
   */
  stop(): void {
    this.#stopped = true;
    if (!this.#pulling) this.#leave();
  }

  #leave(): void {
    this.#return().catch(() => {}); // run() tells
  }

  #return(): Promise<unknown> {
    return this.#returned ??= (async () => await this.#iterator.return?.())();
  }
}

function iteratorOf(items: Items<unknown>): AnyIterator {
  if (isReadable(items)) return reading(items);
  return Symbol.asyncIterator in items
    ? items[Symbol.asyncIterator]()
    : items[Symbol.iterator]();
}

/** By its form: streams of a library are streams, too. */
function isReadable(items: object): items is ReadableStream<unknown> {
  return "getReader" in items && typeof items.getReader === "function";
}

/**
 * What a stream's own iterator does, but that it lets go of the stream at once,
 * and not behind the read that it waits for: a file or a socket may stand there
 * that nothing comes from any more.
 */
function reading(stream: ReadableStream<unknown>): AsyncIterator<unknown> {
  const reader = stream.getReader();
  let held = true;
  function release(): void {
    held = false;
    reader.releaseLock();
  }
  return {
    async next() {
      try {
        const { done, value } = await reader.read();
        if (done) release();
        return { done, value };
      } catch (error) {
        release();
        throw error;
      }
    },
    async return() {
      if (held) await reader.cancel().finally(release);
      return { done: true, value: undefined };
    },
  };
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
