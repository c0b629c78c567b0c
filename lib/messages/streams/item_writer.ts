/**
 * Sends the items of a call as credit and buffer space permit.
 *
 * @module
 */
import type { SessionStream } from "../session/flow/shared_state.ts";

/** Destination of the items that a writer sends. */
export interface ItemTarget {
  /**
   * Returns whether an item may be sent now.
   *
   * If not, {@linkcode ItemWriter.sendable} is called later.
   */
  maySend(call: SessionStream): boolean;
  /**
   * Sends one item.
   *
   * @returns `false` if the item is too large for the space left in the buffer;
   * {@linkcode ItemWriter.sendable} is called later
   * @throws {CodecError} if the item cannot be encoded
   */
  send(call: SessionStream, item: unknown): boolean;
  /** Returns the error that prevents further sending, if there is one. */
  failure(): { readonly error: unknown } | undefined;
}

/** Sender of items, in the order of the calls to {@linkcode ItemWriter.send}. */
export class ItemWriter {
  /** Call that the items belong to; set once it is known. */
  call: SessionStream | undefined;
  #wake: (() => void) | undefined = undefined;
  #tail: Promise<void> | undefined = undefined;
  readonly #target: ItemTarget;

  /**
   * @param target the destination of the items
   * @param call the call, if already known
   */
  constructor(target: ItemTarget, call?: SessionStream) {
    this.#target = target;
    this.call = call;
  }

  /** Sends one item; rejects if no more items can be sent. */
  send(item: unknown): Promise<void> {
    if (this.#tail !== undefined) return this.#chain(() => this.#wait(item));
    const call = this.call;
    if (call === undefined || !this.#target.maySend(call)) {
      return this.#chain(() => this.#wait(item));
    }
    try {
      if (this.#target.send(call, item)) return SENT;
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#chain(() => this.#wait(item));
  }

  /** Waits until all earlier items are sent or have failed. */
  settled(): Promise<void> {
    return this.#tail ?? SENT;
  }

  #chain(step: () => Promise<void>): Promise<void> {
    const sent = (this.#tail ?? SENT).then(step);
    const tail = sent.catch(() => {}).then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    this.#tail = tail;
    return sent;
  }

  async #wait(item: unknown): Promise<void> {
    while (true) {
      const failure = this.#target.failure();
      if (failure !== undefined) throw failure.error;
      const call = this.call;
      const sent = call !== undefined && this.#target.maySend(call) &&
        this.#target.send(call, item);
      if (sent) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Resumes a waiting send; called when credit or space is available or the call has ended. */
  sendable(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

const SENT: Promise<void> = Promise.resolve();
