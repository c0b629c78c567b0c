/**
 * The place of one reader in a source. It holds no items: they stay in the
 * history, which all readers share. A slow reader therefore costs no memory, but
 * may find that its next items are no longer kept. Pure: the time is an argument.
 *
 * A reader joins synchronously: an item that is published later is above the
 * position at which the reader joined, and is found in the history. None can
 * fall between reading the history and waiting for new items.
 *
 * @module
 */
import type { Gap, Position } from "../session/wire/positions.ts";
import type { StreamStep } from "../streams/positioned_items.ts";
import type { History, KeptItem } from "./history.ts";

/** Where a reader begins, and the items that it receives. */
export interface CursorOptions<Item> {
  /** The last item that the reader has received; `undefined` for a new reader. */
  readonly resumeFrom?: Position | undefined;
  /** Number of kept items that a new reader receives first. */
  readonly replay: number;
  /** Returns whether the reader receives an item. */
  readonly filter: ((item: Item) => boolean) | undefined;
}

/**
 * Part of the history that a filter may reject in a row.
 *
 * The reader is then sent its position, which could otherwise leave the history
 * although nothing is missing.
 */
const MOST_REJECTED = 1 / 4;

/** The place of one reader. */
export class Cursor<Item> {
  /** Number up to which nothing is left for the reader. */
  #at: number;
  /** The step with which the stream begins. */
  #joined: StreamStep | undefined;
  /** Rejected items since the reader was last sent its position. */
  #rejected = 0;
  /** Their charges in bytes. */
  #rejectedBytes = 0;
  /** Time in ms at which the reader was last sent its position. */
  #positionSentAt: number;
  readonly #history: History<Item>;
  readonly #filter: ((item: Item) => boolean) | undefined;

  /** Joins a history. */
  constructor(
    history: History<Item>,
    { resumeFrom, replay, filter }: CursorOptions<Item>,
    now: number,
  ) {
    history.expire(now);
    const { epoch, head, floor } = history;
    this.#history = history;
    this.#filter = filter;
    this.#positionSentAt = now;
    let gap: Gap | undefined;
    if (resumeFrom === undefined) this.#at = history.beforeNewest(replay);
    else if (resumeFrom.epoch !== epoch) {
      // Nothing is known about the reader's items in this numbering.
      gap = { from: 0, to: head, reason: "unknown" };
      this.#at = head;
    } else {
      const { number } = resumeFrom; // above head if another server is ahead
      this.#at = Math.max(number, floor);
      if (number < floor) {
        gap = { from: number + 1, to: floor, reason: "expired" };
      }
    }
    const recovered = gap === undefined;
    const joined = { epoch, head, recovered };
    this.#joined = { position: this.#position, joined, gap };
  }

  get #position(): Position {
    return { epoch: this.#history.epoch, number: this.#at };
  }

  /** Returns the next step; `undefined` if the reader must wait. */
  next(now: number): StreamStep | undefined {
    const joined = this.#joined;
    if (joined !== undefined) {
      this.#joined = undefined;
      return joined;
    }
    const { floor } = this.#history;
    if (this.#at < floor) {
      const from = this.#at + 1;
      this.#at = floor;
      return this.#sending(now, { gap: { from, to: floor, reason: "slow" } });
    }
    for (;;) {
      const item = this.#history.after(this.#at);
      if (item === undefined) return this.#positionStep(now);
      const { missingFrom, number } = item;
      if (missingFrom !== undefined && this.#at < number - 1) {
        const from = Math.max(this.#at + 1, missingFrom);
        this.#at = number - 1;
        const gap: Gap = { from, to: number - 1, reason: "expired" };
        return this.#sending(now, { gap });
      }
      this.#at = number;
      if (this.#filter === undefined || this.#filter(item.value)) {
        return this.#sending(now, { item });
      }
      this.#reject(item);
    }
  }

  #sending(now: number, step: Omit<StreamStep, "position">): StreamStep {
    this.#rejected = this.#rejectedBytes = 0;
    this.#positionSentAt = now;
    return { ...step, position: this.#position };
  }

  #reject({ charge }: KeptItem<Item>): void {
    this.#rejected++;
    this.#rejectedBytes += charge;
  }

  /** Returns a step without an item if the position must be sent. */
  #positionStep(now: number): StreamStep | undefined {
    const { items, bytes, age } = this.#history.bounds;
    const isDue = this.#rejected > 0 && (
      this.#rejected >= items * MOST_REJECTED ||
      this.#rejectedBytes >= bytes * MOST_REJECTED ||
      now - this.#positionSentAt >= age * MOST_REJECTED
    );
    return isDue ? this.#sending(now, {}) : undefined;
  }
}
