/**
 * Sends the items of a call in order, as credit permits.
 *
 * @module
 */
import type { ItemSender } from "../session/flow/send_queue.ts";
import type { SendOutcome } from "../session/flow/outgoing_items.ts";
import type { SessionStream } from "../session/flow/shared_state.ts";

/** Destination of the items that a writer sends. */
export interface ItemTarget {
  /**
   * Sends or queues one item.
   *
   * @param sender is notified later if the item was queued
   * @throws {CodecError} if the item cannot be encoded
   */
  send(call: SessionStream, item: unknown, sender: ItemSender): SendOutcome;
  /** Converts the error for an item that cannot be encoded. */
  unsendable?(error: unknown): unknown;
  /** Returns the error that prevents further sending, if there is one. */
  failure(): { readonly error: unknown } | undefined;
}

/** Sender of items, in the order of the calls to {@linkcode ItemWriter.send}. */
export class ItemWriter implements ItemSender {
  #call: SessionStream | undefined;
  /** Settles the item that is queued in the session. */
  #queued: PromiseWithResolvers<void> | undefined = undefined;
  /** Resolves when the call is known. */
  #opened: PromiseWithResolvers<void> | undefined = undefined;
  #tail: Promise<void> | undefined = undefined;
  readonly #target: ItemTarget;

  /**
   * @param target the destination of the items
   * @param call the call, if already known
   */
  constructor(target: ItemTarget, call?: SessionStream) {
    this.#target = target;
    this.#call = call;
  }

  /** Sets the call that the items belong to. */
  open(call: SessionStream): void {
    this.#call = call;
    this.#opened?.resolve();
  }

  /** Sends one item; rejects if no more items can be sent. */
  send(item: unknown): Promise<void> {
    if (this.#tail !== undefined || this.#call === undefined) {
      return this.#chain(() => this.#sendNow(item));
    }
    const sent = this.#sendNow(item);
    return sent === SENT ? SENT : this.#follow(sent);
  }

  /** Waits until all earlier items are sent or have failed. */
  settled(): Promise<void> {
    return this.#tail ?? SENT;
  }

  #chain(step: () => Promise<void>): Promise<void> {
    return this.#follow((this.#tail ?? SENT).then(step));
  }

  /**
   * Lets later items wait for this one. Its own reaction precedes the sender's, so
   * that the next item need not wait any more.
   */
  #follow(sent: Promise<void>): Promise<void> {
    const end = () => {
      if (this.#tail === tail) this.#tail = undefined;
    };
    const tail = sent.then(end, end);
    this.#tail = tail;
    return sent;
  }

  /** Passes an item to the session; resolves when it is accepted. */
  #sendNow(item: unknown): Promise<void> {
    const failure = this.#target.failure();
    if (failure !== undefined) return Promise.reject(failure.error);
    if (this.#call === undefined) {
      this.#opened = Promise.withResolvers();
      return this.#opened.promise.then(() => this.#sendNow(item));
    }
    try {
      const outcome = this.#target.send(this.#call, item, this);
      if (outcome === "accepted") return SENT;
      if (outcome === "queued") {
        this.#queued = Promise.withResolvers();
        return this.#queued.promise;
      }
    } catch (error) {
      return Promise.reject(this.#unsendable(error));
    }
    return this.#failed();
  }

  async #failed(): Promise<void> {
    // The error of a call may be set only after its queue was dropped.
    await undefined;
    const failure = this.#target.failure();
    if (failure !== undefined) throw failure.error;
  }

  #unsendable(error: unknown): unknown {
    return this.#target.unsendable?.(error) ?? error;
  }

  /** @inheritdoc */
  onAccepted(): void {
    this.#queued?.resolve();
    this.#queued = undefined;
  }

  /** @inheritdoc */
  onRejected(error: unknown): void {
    this.#queued?.reject(this.#unsendable(error));
    this.#queued = undefined;
  }

  /** Called when no more items can be sent; fails the items that wait. */
  onDropped(): void {
    const queued = this.#queued;
    this.#queued = undefined;
    this.#opened?.resolve();
    queued?.resolve(this.#failed());
  }
}

/** The promise for an item that was accepted at once. */
export const SENT: Promise<void> = /* @__PURE__ */ Promise.resolve();
