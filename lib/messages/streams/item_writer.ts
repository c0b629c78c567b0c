/**
 * Sending items of a call, each when there is credit and room for it.
 *
 * @module
 */
import type { SessionStream } from "../session/flow/shared_state.ts";

/** Where items go. */
export interface ItemTarget {
  /** Whether one may be sent now; if not, {@linkcode ItemWriter.sendable} is called later. */
  maySend(call: SessionStream): boolean;
  /**
   * Sends one, or says that there is no room for one so large; then
   * {@linkcode ItemWriter.sendable} is called later.
   *
   * @throws {CodecError}
   */
  send(call: SessionStream, item: unknown): boolean;
  /** Why no more items can be sent, once that is so. */
  failure(): { readonly error: unknown } | undefined;
}

/** Sends items in the order of the calls. */
export class ItemWriter {
  /** The call; set once it is known. */
  call: SessionStream | undefined;
  #wake: (() => void) | undefined = undefined;
  #tail: Promise<void> | undefined = undefined;
  readonly #target: ItemTarget;

  /**
   * @param target where items go
   * @param call the call, if it is known
   */
  constructor(target: ItemTarget, call?: SessionStream) {
    this.#target = target;
    this.call = call;
  }

  /** Sends one item, or rejects once none can be sent any more. */
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

  /** Waits until all items before have been sent. */
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

  /** Credit or room has come back, or the call has ended. */
  sendable(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

const SENT: Promise<void> = Promise.resolve();
