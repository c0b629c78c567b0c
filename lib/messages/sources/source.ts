/**
 * Sources: streams of items that clients can continue after a cut.
 *
 * @module
 */
import { describeType } from "../../support/describe_type.ts";
import type { Bus } from "../bus/bus.ts";
import { randomEpoch } from "../bus/numbering.ts";
import type { MessageCodec } from "../codec/message_codec.ts";
import { defaultCodec } from "../codec/default_codec.ts";
import { CallError } from "../errors/call_error.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { Gap, Position } from "../session/wire/positions.ts";
import { gapText } from "../streams/gaps.ts";
import {
  type PositionedItems,
  STEPS,
  type StreamStep,
} from "../streams/positioned_items.ts";
import { BusFeed, type FedItem } from "./bus_feed.ts";
import { Cursor, type CursorOptions } from "./cursor.ts";
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
   * Bus through which servers share the source.
   *
   * The sources of equal names receive the items of one of them, with their
   * positions. A client that continues on another server receives what it has
   * missed, if that server has kept it or the bus has a `history`, and otherwise
   * learns of the gap. One server
   * publishes at a time: the items of another one begin a new numbering, and
   * streams end with `unavailable`, so that clients continue them with a gap. `end()` ends the subscription.
   *
   * `prefix` is the first part of the subject, `"lw"` by default, of 1 to 64
   * characters of `A-Z a-z 0-9 _ -`.
   *
   * Not allowed with `after`.
   *
   * @default the source has the items of this server
   */
  shared?: { bus: Bus; name: string; prefix?: string | undefined } | undefined;
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
   * @throws {CallError} `too-large` if the bus of a shared source cannot carry it
   * @throws {RangeError} if the number is not an integer above the last one; the
   * items of a shared source have the next number
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
 * @throws {TypeError} if an option is unknown, or both `after` and `shared` are set
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
  const { history = {}, after, shared, codec = defaultCodec() } = options;
  checkOptions("the option history of source()", history, HISTORY_OPTIONS);
  const { items = 1_000, bytes = 256 * 1024, age = 60_000 } = history;
  checkBound("history.items", items);
  checkBound("history.bytes", bytes);
  checkBound("history.age", age);
  if (after !== undefined) {
    checkNumber("after.epoch", after.epoch);
    checkNumber("after.number", after.number);
  }
  if (after !== undefined && shared !== undefined) {
    throw new TypeError(
      "Cannot create a source with the options after and shared: the items of a shared source are numbered by the server that publishes them",
    );
  }
  const first = after ?? { epoch: randomEpoch(), number: 0 };
  const created = new SourceImpl<Item>(first, { items, bytes, age }, codec);
  if (shared !== undefined) created.share(shared);
  return created;
}

const SOURCE_OPTIONS: OptionNames<SourceOptions> = {
  history: true,
  after: true,
  shared: true,
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

/** A reader that waits for an item. */
interface Waiting {
  /** Called when an item was published, or when the source has ended. */
  wake(): void;
}

class SourceImpl<Item> implements Source<Item> {
  history: History<Item>;
  /** Readers that wait. */
  readonly waiting: Set<Waiting> = new Set();
  ended = false;
  readonly #codec: MessageCodec;
  #feed: BusFeed | undefined = undefined;
  /** Whether the position of the newest item is known without the item. */
  #isPlaced = false;
  /** Epoch of the items of this process, while it publishes. */
  #ownEpoch: number;

  constructor(after: Position, bounds: HistoryBounds, codec: MessageCodec) {
    this.history = new History(after, bounds);
    this.#codec = codec;
    this.#ownEpoch = after.epoch;
  }

  /** Shares the items with the sources of other processes. */
  share(options: NonNullable<SourceOptions["shared"]>): void {
    const codec = this.#codec;
    const feed = new BusFeed(options, codec, (item) => this.#receive(item));
    this.#feed = feed;
    if (feed.isStored) this.#findPlace(feed);
  }

  /** Continues the stored numbering, unless an item came first. */
  async #findPlace(feed: BusFeed): Promise<void> {
    const { history } = this;
    const newest = await feed.newest().catch(() => undefined);
    const unused = history === this.history && history.head === history.start;
    if (newest === undefined || !unused || this.ended) return;
    this.#isPlaced = true;
    this.#begin(newest);
    this.#wakeAll();
  }

  /** Returns the store of items that this server has missed. */
  get store(): BusFeed | undefined {
    return this.#feed?.isStored ? this.#feed : undefined;
  }

  /** Adds an item of another process. */
  #receive({ epoch, number, value, size }: FedItem): void {
    if (epoch === this.#ownEpoch) return;
    if (epoch !== this.history.epoch) {
      this.#begin({ epoch, number: number - 1 });
    }
    const { head } = this.history;
    if (number <= head) return;
    const missingFrom = number > head + 1 ? head + 1 : undefined;
    // Sources of one name have items of one type.
    const item = value as Item;
    this.history.add(number, item, size, performance.now(), missingFrom);
    this.#wakeAll();
  }

  /**
   * Returns whether a numbering is in use. That of a shared source is not before its
   * first item, so readers join with that one.
   */
  isNumbered({ head, start }: History<Item>): boolean {
    return this.#feed === undefined || this.#isPlaced || head > start;
  }

  /** Begins another numbering. The streams of readers end; they join again. */
  #begin(after: Position): void {
    const { history } = this;
    this.history = new History<Item>(after, history.bounds);
    if (history.head === history.start) history.successor = this.history;
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
    const encoded = this.#codec.encode(item);
    if (this.#feed !== undefined) {
      number = this.#publishShared(this.#feed, encoded, number);
    }
    this.history.add(number, item, encoded.length, performance.now());
    this.#wakeAll();
    return number;
  }

  /** Publishes an item to other processes; returns its number. */
  #publishShared(
    feed: BusFeed,
    encoded: Uint8Array,
    number: number,
  ): number {
    if (number !== this.history.head + 1) {
      throw new RangeError(
        `Cannot publish an item of a shared source with number ${number}: it must be ${
          this.history.head + 1
        }`,
      );
    }
    const isOwn = this.history.epoch === this.#ownEpoch;
    const own = isOwn
      ? { epoch: this.#ownEpoch, number }
      : { epoch: randomEpoch(), number: 1 };
    feed.publish(own, encoded);
    if (!isOwn) {
      this.#ownEpoch = own.epoch;
      this.#begin({ epoch: own.epoch, number: 0 });
    }
    return own.number;
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
    return new SourceReader(this, {
      resumeFrom,
      replay: Math.trunc(replay),
      filter,
    });
  }

  end(): void {
    this.ended = true;
    this.#feed?.close();
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
  readonly #join: CursorOptions<Item>;
  #history: History<Item>;
  /** Its place; `undefined` before the source is numbered. */
  #cursor: Cursor<Item> | undefined = undefined;
  #next: PromiseWithResolvers<IteratorResult<StreamStep>> | undefined =
    undefined;
  /** Stored items in the place of a gap. */
  #stored: AsyncGenerator<StreamStep, void> | undefined = undefined;
  #left = false;

  constructor(source: SourceImpl<Item>, join: CursorOptions<Item>) {
    const { history } = source;
    this.#source = source;
    this.#join = join;
    this.#history = history;
    if (source.isNumbered(history)) {
      this.#cursor = new Cursor(history, join, performance.now());
    }
  }

  /** Returns the reader's place, or `undefined` before the first item. */
  #place(now: number): Cursor<Item> | undefined {
    if (this.#cursor !== undefined) return this.#cursor;
    const history = this.#history = this.#history.successor ?? this.#history;
    if (!this.#source.isNumbered(history)) return undefined;
    // A new reader receives all items, because it came before the first.
    const { epoch, start } = history;
    const { resumeFrom = { epoch, number: start } } = this.#join;
    const join = { ...this.#join, resumeFrom };
    return this.#cursor = new Cursor(history, join, now);
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
      const step = this.#stored === undefined ? this.#take() : undefined;
      if (step !== undefined) return Promise.resolve(step);
    } catch (error) {
      return this.#leave().then(() => Promise.reject(error));
    }
    const next = this.#next = Promise.withResolvers<
      IteratorResult<StreamStep>
    >();
    if (this.#stored !== undefined) this.#readStored(this.#stored);
    else this.#source.waiting.add(this);
    return next.promise;
  }

  /** Settles the step that is waited for with the next stored item. */
  async #readStored(stored: AsyncGenerator<StreamStep, void>): Promise<void> {
    const next = this.#next;
    try {
      const { done, value } = await stored.next();
      if (this.#next !== next) return; // the reader has left
      if (!done) {
        this.#next = undefined;
        return next?.resolve({ done: false, value });
      }
      this.#stored = undefined;
      this.wake();
    } catch (error) {
      if (this.#next !== next) return;
      this.#next = undefined;
      this.#left = true;
      next?.reject(error);
    }
  }

  /** Returns the stored items of a gap, and gaps among them. */
  async *#fill(
    store: BusFeed,
    { gap, joined, position }: StreamStep & { readonly gap: Gap },
  ): AsyncGenerator<StreamStep, void> {
    const epoch = position?.epoch ?? this.#history.epoch;
    const { from, to, reason } = gap;
    const at = (number: number): Position => ({ epoch, number });
    let last = from - 1;
    if (joined !== undefined) {
      yield { position: at(last), joined: { ...joined, recovered: true } };
    }
    for await (const { number, value } of store.stored(epoch, from, to)) {
      if (number > last + 1) {
        const missing = { from: last + 1, to: number - 1, reason };
        yield { position: at(number - 1), gap: missing };
      }
      last = number;
      // Sources of one name have items of one type.
      const rejected = this.#join.filter?.(value as Item) === false;
      const step = { position: at(number) };
      yield rejected ? step : { ...step, item: { value } };
    }
    if (last < to) {
      yield { position: at(to), gap: { from: last + 1, to, reason } };
    }
  }

  /**
   * Returns the next step, if there is one.
   *
   * @throws the error of the filter
   * @throws {CallError} `unavailable` if another server has begun to publish
   */
  #take(): IteratorResult<StreamStep> | undefined {
    if (this.#left) return DONE;
    const now = performance.now();
    const cursor = this.#place(now);
    const step = cursor?.next(now);
    if (step !== undefined) {
      const { store } = this.#source;
      const { gap } = step;
      if (
        store === undefined || gap === undefined || gap.reason === "unknown"
      ) {
        return { done: false, value: step };
      }
      this.#stored = this.#fill(store, { ...step, gap });
      return undefined;
    }
    if (cursor !== undefined && this.#history !== this.#source.history) {
      throw new CallError(
        "Cannot read on: another server has begun to publish the items of the source",
        { code: "unavailable", retry: "now" },
      );
    }
    return this.#source.ended ? DONE : undefined;
  }

  /** @inheritdoc */
  wake(): void {
    const next = this.#next;
    try {
      const step = this.#take();
      if (step === undefined) {
        if (this.#stored !== undefined) this.#readStored(this.#stored);
        else this.#source.waiting.add(this);
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
