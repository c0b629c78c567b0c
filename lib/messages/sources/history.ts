/**
 * The newest items of a source, with their numbers. Pure: the time is an
 * argument.
 *
 * ```text
 *  numbers  1 ──────── floor │ floor + 1 ─────── head
 *           not kept         │ kept, except for numbers that were left out
 * ```
 *
 * @module
 */
import type { Position } from "../session/wire/positions.ts";

/** Bounds for the items that a source keeps. */
export interface HistoryBounds {
  /** Number of items. */
  readonly items: number;
  /** Their size in bytes; each is charged {@linkcode ITEM_CHARGE} in addition. */
  readonly bytes: number;
  /** Milliseconds for which an item is kept. */
  readonly age: number;
}

/** Bytes that each kept item is charged in addition to its size. */
export const ITEM_CHARGE = 64;

/** An item that is kept. */
export interface KeptItem<Item> {
  /** Its number. */
  readonly number: number;
  /** The item. */
  readonly value: Item;
  /** Its charge in bytes. */
  readonly charge: number;
  /** Time in ms at which it was published. */
  readonly publishedAt: number;
  /**
   * Number of the first item that is missing before this one; `undefined` if none
   * is, as when numbers were left out.
   */
  readonly missingFrom?: number | undefined;
}

/** The newest items of a source. */
export class History<Item> {
  /** The numbering. */
  readonly epoch: number;
  /** Bounds for the kept items. */
  readonly bounds: HistoryBounds;
  /** Number of the newest item. */
  head: number;
  /** Highest number that is not kept: older items are not available. */
  floor: number;
  /** Number before the first item. */
  readonly start: number;
  /** The numbering that has replaced this one before its first item. */
  successor: History<Item> | undefined = undefined;
  /** Charges of the kept items, in bytes. */
  bytes = 0;
  /** Kept items by number, from `#first` on. */
  #items: KeptItem<Item>[] = [];
  #first = 0;

  /**
   * @param after position of the item before the first
   * @param bounds bounds for the kept items
   */
  constructor({ epoch, number }: Position, bounds: HistoryBounds) {
    this.epoch = epoch;
    this.head = this.floor = this.start = number;
    this.bounds = bounds;
  }

  /** Number of kept items. */
  get length(): number {
    return this.#items.length - this.#first;
  }

  /**
   * Adds an item. The newest one is kept until the next, however large it is,
   * because readers take it from here.
   *
   * @param number its number, above `head`
   * @param size its size in bytes
   * @param missingFrom number of the first item that is missing before it, if any
   */
  add(
    number: number,
    value: Item,
    size: number,
    now: number,
    missingFrom?: number,
  ): void {
    const charge = size + ITEM_CHARGE;
    this.expire(now);
    this.#items.push({ number, value, charge, publishedAt: now, missingFrom });
    this.head = number;
    this.bytes += charge;
    const { items, bytes } = this.bounds;
    while (this.length > 1 && (this.length > items || this.bytes > bytes)) {
      this.#drop();
    }
  }

  /** Drops the items that are too old. */
  expire(now: number): void {
    const { age } = this.bounds;
    for (;;) {
      const oldest = this.#items[this.#first];
      if (oldest === undefined || now - oldest.publishedAt <= age) return;
      this.#drop();
    }
  }

  /** Drops the oldest item. */
  #drop(): void {
    const oldest = this.#items[this.#first++];
    if (oldest === undefined) return;
    this.floor = oldest.number;
    this.bytes -= oldest.charge;
    if (2 * this.#first < this.#items.length) return;
    this.#items.splice(0, this.#first);
    this.#first = 0;
  }

  /** Returns the first kept item above a number. */
  after(number: number): KeptItem<Item> | undefined {
    let low = this.#first;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#items[middle]!.number <= number) low = middle + 1; // in range: below high
      else high = middle;
    }
    return this.#items[low];
  }

  /** Returns the number after which the newest `count` items follow. */
  beforeNewest(count: number): number {
    const { length } = this.#items;
    const first = this.#items[length - Math.min(count, this.length)];
    return first === undefined ? this.head : first.number - 1;
  }
}
