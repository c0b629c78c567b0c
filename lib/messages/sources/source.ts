/**
 * Sources: streams of items that clients can continue after a cut.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { defaultCodec } from "../codec/default_codec.ts";
import { CallError } from "../errors/call_error.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Position } from "../session/wire/positions.ts";
import { gapText } from "../streams/gaps.ts";
import {
  type PositionedItems,
  STEPS,
  type StreamStep,
} from "../streams/positioned_items.ts";
import { Cursor } from "./cursor.ts";
import { History, type HistoryBounds } from "./history.ts";

/**
 * Bounds for the items that a source keeps.
 *
 * @category Topics and sources
 */
export interface HistoryOptions {
  /**
   * Number of items.
   *
   * @default {1000}
   */
  items?: number | undefined;
  /**
   * Encoded size of the items in bytes; each is charged 64 bytes in addition.
   *
   * @default {262144}
   */
  bytes?: number | undefined;
  /**
   * Milliseconds for which an item is kept.
   *
   * @default {60000}
   */
  age?: number | undefined;
}

/**
 * Options for {@linkcode source}.
 *
 * @category Topics and sources
 */
export interface SourceOptions {
  /**
   * Bounds for the items that are kept. The newest item is kept until the next
   * one is published or its age has passed.
   */
  history?: HistoryOptions | undefined;
  /**
   * Position after which the numbers of this source begin.
   *
   * Servers that publish the same items with the same numbers use the same
   * epoch. Clients can then continue a stream on any of them.
   *
   * @default a random epoch, and number 0
   */
  after?: Position | undefined;
  /**
   * Codec that measures the items. An item that it cannot encode is rejected.
   *
   * @default {msgpack()}
   */
  codec?: MessageCodec | undefined;
}

/**
 * Options for {@linkcode Source.items}.
 *
 * @typeParam Item the type of each item
 *
 * @category Topics and sources
 */
export interface SourceItemsOptions<Item> {
  /**
   * Number of kept items that a new reader receives first.
   *
   * @default {0}
   */
  replay?: number | undefined;
  /**
   * Returns whether the reader receives an item.
   *
   * @default every item
   */
  filter?: ((item: Item) => boolean) | undefined;
}

/**
 * A stream of items that any number of calls read.
 *
 * Returned by {@linkcode source}.
 *
 * @typeParam Item the type of each item
 *
 * @category Servers
 */
export interface Source<Item> {
  /** Position of the newest item. */
  readonly position: Position;
  /**
   * Publishes an item to all readers; never waits for them.
   *
   * Do not change the item afterwards: readers that are slow, or that come back,
   * receive the same object.
   *
   * @param item the item
   * @param number its number, above that of the newest item; the next number if
   * omitted
   * @returns the number of the item
   * @throws {CodecError} if the item cannot be encoded
   * @throws {RangeError} if the number is not an integer above the last one
   * @throws {TypeError} if the source has ended
   */
  publish(item: Item, number?: number): number;
  /**
   * Returns the items that a call receives, for its handler to return.
   *
   * The call receives what is published from now on. A call that continues an
   * earlier one first receives the items that it has missed.
   *
   * Return the items themselves. A generator that yields them one by one loses
   * their positions: its stream does not continue after a cut, and fails with
   * `overloaded` if items are missing.
   *
   * @param call the context of the call, which says where the call continues
   * @param options a filter, and the items that a new reader receives first
   * @returns the items, which can be iterated once
   * @throws {RangeError} if an option is out of range
   * @throws {TypeError} if an option is unknown
   */
  items(
    call?: { readonly resumeFrom?: Position | undefined },
    options?: SourceItemsOptions<Item>,
  ): AsyncIterable<Item>;
  /** Ends the streams of all readers after the last item. */
  end(): void;
}

/**
 * Creates a stream of items that many calls read and can continue.
 *
 * A handler of a `serverStream` method returns {@linkcode Source.items}. Each
 * item has a position. When its session ends, a client that was created by
 * `createClient()` continues the stream in its next session, after the last item
 * that it has received.
 *
 * @typeParam Item the type of each item
 * @param options bounds for the items that are kept, and the first position
 * @returns the source
 * @throws {RangeError} if an option is out of range
 * @throws {TypeError} if an option is unknown
 *
 * @example
 * ```ts
 * import { connect, protocol, serve, serverStream, source } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const News = protocol({
 *   name: "news",
 *   server: { headlines: serverStream<void, string>() },
 * });
 * const headlines = source<string>({ history: { items: 100 } });
 * await using server = await serve(News, { port: 0 }).handle({
 *   headlines: (_, context) => headlines.items(context, { replay: 2 }),
 * });
 *
 * for (const text of ["one", "two", "three"]) headlines.publish(text);
 * await using session = await connect(News, server.addr);
 * const received: string[] = [];
 * for await (const text of session.remote.headlines()) {
 *   received.push(text);
 *   if (received.length === 2) break;
 * }
 * assertEquals(received, ["two", "three"]);
 * ```
 *
 * @category Servers
 */
export function source<Item>(options: SourceOptions = {}): Source<Item> {
  checkOptions("source()", options, SOURCE_OPTIONS);
  const { history = {}, after, codec = defaultCodec() } = options;
  checkOptions("the option history of source()", history, HISTORY_OPTIONS);
  const { items = 1_000, bytes = 256 * 1024, age = 60_000 } = history;
  checkBound("history.items", items);
  checkBound("history.bytes", bytes);
  checkBound("history.age", age);
  if (after !== undefined) {
    checkNumber("after.epoch", after.epoch);
    checkNumber("after.number", after.number);
  }
  const first = after ?? { epoch: randomEpoch(), number: 0 };
  return new SourceImpl(first, { items, bytes, age }, codec);
}

const SOURCE_OPTIONS: OptionNames<SourceOptions> = {
  history: true,
  after: true,
  codec: true,
};

const HISTORY_OPTIONS: OptionNames<HistoryOptions> = {
  items: true,
  bytes: true,
  age: true,
};

const ITEMS_OPTIONS: OptionNames<SourceItemsOptions<unknown>> = {
  replay: true,
  filter: true,
};

function checkBound(name: string, value: number): void {
  if (typeof value === "number" && value >= 0) return;
  throw new RangeError(
    `Cannot create a source with ${name} ${value}: it must be a number of at least 0`,
  );
}

function checkNumber(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(
    `Cannot create a source with ${name} ${value}: it must be an integer from 0 to 2^53 - 1`,
  );
}

/** Returns an epoch that no other source has: a random number of 53 bits. */
function randomEpoch(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high >>> 11) * 2 ** 32 + low;
}

/** A reader that waits for an item. */
interface Waiting {
  /** Called when an item was published, or when the source has ended. */
  wake(): void;
}

class SourceImpl<Item> implements Source<Item> {
  readonly history: History<Item>;
  /** Readers that wait. */
  readonly waiting: Set<Waiting> = new Set();
  ended = false;
  readonly #codec: MessageCodec;

  constructor(after: Position, bounds: HistoryBounds, codec: MessageCodec) {
    this.history = new History(after, bounds);
    this.#codec = codec;
  }

  get position(): Position {
    const { epoch, head } = this.history;
    return { epoch, number: head };
  }

  publish(item: Item, number: number = this.history.head + 1): number {
    const { head } = this.history;
    if (!Number.isSafeInteger(number) || number <= head) {
      throw new RangeError(
        `Cannot publish an item with number ${number}: it must be an integer above ${head}`,
      );
    }
    if (this.ended) {
      throw new TypeError("Cannot publish an item: the source has ended");
    }
    const { length } = this.#codec.encode(item);
    this.history.add(number, item, length, performance.now());
    this.#wakeAll();
    return number;
  }

  items(
    { resumeFrom }: { readonly resumeFrom?: Position | undefined } = {},
    options: SourceItemsOptions<Item> = {},
  ): AsyncIterable<Item> {
    checkOptions("items()", options, ITEMS_OPTIONS);
    const { replay = 0, filter } = options;
    if (!(replay >= 0)) {
      throw new RangeError(
        `Cannot replay ${replay} items: it must be a number of at least 0`,
      );
    }
    if (filter !== undefined && typeof filter !== "function") {
      throw new TypeError(
        `Cannot use ${
          describeType(filter)
        } as the option filter of items(): expected a function`,
      );
    }
    const now = performance.now();
    const join = { resumeFrom, replay: Math.trunc(replay), filter };
    return new SourceReader(this, new Cursor(this.history, join, now));
  }

  end(): void {
    this.ended = true;
    this.#wakeAll();
  }

  #wakeAll(): void {
    const readers = [...this.waiting];
    this.waiting.clear();
    for (const reader of readers) reader.wake();
  }
}

const DONE: IteratorResult<never> = { done: true, value: undefined };

/** The items of a source for one reader. */
class SourceReader<Item> implements PositionedItems<Item>, Waiting {
  readonly #source: SourceImpl<Item>;
  readonly #cursor: Cursor<Item>;
  #next: PromiseWithResolvers<IteratorResult<StreamStep>> | undefined =
    undefined;
  #left = false;

  constructor(source: SourceImpl<Item>, cursor: Cursor<Item>) {
    this.#source = source;
    this.#cursor = cursor;
  }

  [STEPS](): AsyncIterableIterator<StreamStep> {
    const steps: AsyncIterableIterator<StreamStep> = {
      next: () => this.#step(),
      return: () => this.#leave(),
      [Symbol.asyncIterator]: () => steps,
    };
    return steps;
  }

  [Symbol.asyncIterator](): AsyncIterator<Item> {
    // Not a generator, which could not be left while it waits.
    let last: Promise<unknown> = Promise.resolve();
    return {
      next: () => {
        const next = last.then(() => this.#item());
        last = next.catch(() => {});
        return next;
      },
      return: () => this.#leave(),
    };
  }

  async #item(): Promise<IteratorResult<Item>> {
    for (;;) {
      const { done, value: step } = await this.#step();
      if (done) return DONE;
      if (step.gap !== undefined) {
        await this.#leave();
        throw new CallError(`Cannot read on: ${gapText(step.gap)}`, {
          code: "overloaded",
          retry: "later",
        });
      }
      // The history holds only items of this type.
      if (step.item !== undefined) {
        return { done: false, value: step.item.value as Item };
      }
    }
  }

  #step(): Promise<IteratorResult<StreamStep>> {
    if (this.#next !== undefined) {
      return this.#next.promise.then(() => this.#step());
    }
    try {
      const step = this.#take();
      if (step !== undefined) return Promise.resolve(step);
    } catch (error) {
      return this.#leave().then(() => Promise.reject(error));
    }
    this.#next = Promise.withResolvers();
    this.#source.waiting.add(this);
    return this.#next.promise;
  }

  /** Returns the next step, if there is one. @throws the error of the filter */
  #take(): IteratorResult<StreamStep> | undefined {
    if (this.#left) return DONE;
    const step = this.#cursor.next(performance.now());
    if (step !== undefined) return { done: false, value: step };
    return this.#source.ended ? DONE : undefined;
  }

  /** @inheritdoc */
  wake(): void {
    const next = this.#next;
    try {
      const step = this.#take();
      if (step === undefined) {
        this.#source.waiting.add(this);
        return;
      }
      this.#next = undefined;
      next?.resolve(step);
    } catch (error) {
      this.#next = undefined;
      this.#left = true;
      next?.reject(error);
    }
  }

  #leave(): Promise<IteratorResult<never>> {
    this.#left = true;
    this.#source.waiting.delete(this);
    this.#next?.resolve(DONE);
    this.#next = undefined;
    return Promise.resolve(DONE);
  }
}
