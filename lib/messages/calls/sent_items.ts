/**
 * Items that a caller passes to `send()`, as an iterable for interceptors.
 *
 * @module
 */
import type { PendingCall } from "./pending_call.ts";

/** The part of a call that sends its items. */
type SendingHalf = Pick<PendingCall, "send" | "end">;

interface WaitingItem extends PromiseWithResolvers<void> {
  readonly item: unknown;
}

/**
 * Iterable of the items passed to {@linkcode SentItems.send}.
 *
 * A call sends them itself if no interceptor has wrapped them. Otherwise the
 * wrapper iterates over them; its request for the next item confirms that the
 * one before it was sent. The items are not kept, so they can be used only once.
 */
export class SentItems implements AsyncIterable<unknown>, SendingHalf {
  readonly #refused: (why: string) => unknown;
  readonly #waiting: WaitingItem[] = [];
  #state: "open" | "ended" | "closed" = "open";
  #used = false;
  /** Whether an item was passed on. */
  #touched = false;
  #target: SendingHalf | undefined = undefined;
  #wake: () => void = () => {};

  /** @param refused returns the error for an item that cannot be sent */
  constructor(refused: (why: string) => unknown) {
    this.#refused = refused;
  }

  /** Adds an item; resolves once it was sent. */
  send(item: unknown): Promise<void> {
    if (this.#target !== undefined) {
      this.#touched = true;
      return this.#target.send(item);
    }
    if (this.#state !== "open") {
      const ended = this.#state === "ended";
      const why = ended ? "end() was called" : "the call has ended";
      return Promise.reject(this.#refused(why));
    }
    const waiting = { item, ...Promise.withResolvers<void>() };
    this.#waiting.push(waiting);
    this.#wake();
    return waiting.promise;
  }

  /** Ends the iteration after the items added so far; resolves once they are sent or have failed. */
  async end(): Promise<void> {
    if (this.#state === "open") this.#state = "ended";
    if (this.#target !== undefined) return await this.#target.end();
    this.#wake();
    await Promise.allSettled(this.#waiting.map(({ promise }) => promise));
  }

  /** Rejects the items that were not sent, and all later ones. */
  close(): void {
    if (this.#state === "open") this.#state = "closed";
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#refused("the call has ended"));
    }
    this.#wake();
  }

  /** Sends all items to a target, including items added later. */
  sendTo(target: SendingHalf): void {
    this.checkUnused();
    this.#used = true;
    this.#target = target;
    for (const { item, resolve, reject } of this.#waiting.splice(0)) {
      this.#touched = true;
      target.send(item).then(resolve, reject);
    }
    if (this.#state === "ended") target.end();
  }

  /** Whether no item was passed on, so that none is lost. */
  get untouched(): boolean {
    return !this.#touched && (!this.#used || this.#target !== undefined);
  }

  /** Makes untouched items usable again, after their target has failed. */
  rewind(): void {
    if (!this.untouched) return;
    this.#used = false;
    this.#target = undefined;
  }

  /**
   * Checks that the items have not been used.
   *
   * @throws {TypeError} if they have
   */
  checkUnused(): void {
    if (!this.#used) return;
    throw new TypeError(
      "Cannot use items that were passed to send() again, because they are not kept; pass an iterable to the call instead",
    );
  }

  /**
   * Returns an iterator over the items.
   *
   * @throws {TypeError} when iterated a second time
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void> {
    this.checkUnused();
    this.#used = true;
    try {
      while (this.#waiting.length > 0 || this.#state === "open") {
        const next = this.#waiting[0];
        if (next === undefined) {
          await new Promise<void>((resolve) => this.#wake = resolve);
          continue;
        }
        yield next.item;
        this.#waiting.shift();
        next.resolve();
      }
    } finally {
      this.close();
    }
  }
}
