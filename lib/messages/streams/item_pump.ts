/**
 * Sends the items of an iterable.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import type { Items } from "../protocol/client_types.ts";
import { isThenable } from "../support/thenable.ts";
import { SENT } from "./item_writer.ts";

/**
 * Items of a synchronous iterable that are sent without waiting. A write may end
 * in a microtask only; with more items, the next write would have too many bytes.
 */
const ITEMS_BEFORE_WAITING = 64;

/** Iterator over items to send. */
export type AnyIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** Runner of code of an iterable, such as a context. */
export interface Runner {
  /** Runs a step, and returns its result. */
  run<T>(step: () => T): T;
}

/**
 * Sender of the items of an iterable, one by one.
 *
 * It works like a `for await` loop, but can be stopped while it is waiting for
 * an item.
 */
export class ItemPump {
  readonly #iterator: AnyIterator;
  readonly #runner: Runner | undefined;
  #stopped = false;
  #pulling = false;
  #returned: Promise<unknown> | undefined = undefined;

  /**
   * @param items the iterable; an async iterator is preferred to a synchronous
   * one
   * @param runner runs the iterable's own code
   */
  constructor(items: Items<unknown>, runner?: Runner) {
    this.#runner = runner;
    this.#iterator = runner === undefined
      ? iteratorOf(items)
      : runner.run(() => iteratorOf(items));
  }

  /**
   * Sends all items; waits for each one before requesting the next.
   *
   * @param send sends one item
   * @returns `true` once all items are sent; `false` if the pump was stopped
   * @throws the error thrown by the iterable or by `send`
   */
  async run(send: (item: unknown) => Promise<void>): Promise<boolean> {
    let accepted = 0;
    while (!this.#stopped) {
      const pulled = this.#pull();
      const result = isThenable(pulled) ? await pulled : pulled;
      if (this.#stopped) break;
      // `for await` throws too. A number, for example, would never be done.
      if (typeof result !== "object") {
        throw new TypeError(
          `Cannot use ${
            describeType(result)
          } as an iterator result: expected an object such as { done, value }`,
        );
      }
      const { done, value } = result;
      if (done) return true;
      try {
        // A synchronous iterable may yield promises.
        const sent = send(isThenable(value) ? await value : value);
        if (sent === SENT && ++accepted % ITEMS_BEFORE_WAITING !== 0) continue;
        await sent;
      } catch (error) {
        await this.#return().catch(() => {});
        throw error;
      }
    }
    await this.#return();
    return false;
  }

  /**
   * Requests the next item.
   *
   * The iterable's own code may call `stop()`. The iterator must not be closed
   * before its `next()` has returned, so this method closes it afterwards.
   */
  #pull(): IteratorResult<unknown> | Promise<IteratorResult<unknown>> {
    this.#pulling = true;
    try {
      return this.#runner === undefined
        ? this.#iterator.next()
        : this.#runner.run(() => this.#iterator.next());
    } finally {
      this.#pulling = false;
      if (this.#stopped) this.#closeIterator();
    }
  }

  /**
   * Stops sending and closes the iterator.
   *
   * A generator ends at its next `yield`; streams and other iterators can end
   * immediately.
   */
  stop(): void {
    this.#stopped = true;
    if (!this.#pulling) this.#closeIterator();
  }

  #closeIterator(): void {
    this.#return().catch(() => {}); // run() throws the error
  }

  #return(): Promise<unknown> {
    const end = async () => await this.#iterator.return?.();
    return this.#returned ??= this.#runner === undefined
      ? end()
      : this.#runner.run(end);
  }
}

/** Returns an iterator over items; an asynchronous one is preferred. */
export function iteratorOf(items: Items<unknown>): AnyIterator {
  if (isReadable(items)) return cancellableIterator(items);
  return Symbol.asyncIterator in items
    ? items[Symbol.asyncIterator]()
    : items[Symbol.iterator]();
}

/** Returns whether a value is a stream. The check is structural, so that it accepts streams from other implementations. */
function isReadable(items: object): items is ReadableStream<unknown> {
  return "getReader" in items && typeof items.getReader === "function";
}

/**
 * Returns an iterator over a stream; it can be closed during a read.
 *
 * The iterator's `return()` cancels the stream immediately. The stream's own
 * iterator would first wait for the pending read, which may never finish, for
 * example on an idle socket.
 */
function cancellableIterator(
  stream: ReadableStream<unknown>,
): AsyncIterator<unknown> {
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

/** Returns whether a value is an iterable object; strings do not count. */
export function isIterableObject(value: unknown): value is Items<unknown> {
  return typeof value === "object" && value !== null &&
    (Symbol.asyncIterator in value || Symbol.iterator in value);
}

/** Returns whether a value is an async iterable; stream handlers must return one. */
export function isAsyncIterable(
  value: unknown,
): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null &&
    Symbol.asyncIterator in value;
}
