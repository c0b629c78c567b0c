/**
 * Async iterator over the items of a call.
 *
 * @module
 */
import { rejectedWhereAwaited } from "../errors/call_stack.ts";
import type { SessionStream } from "../session/flow/shared_state.ts";
import { isThenable } from "../support/thenable.ts";

/** Source of the items that a reader returns. */
export interface ItemSource {
  /**
   * Takes the next item that has arrived.
   *
   * If it returns `undefined`, the next item is passed to
   * {@linkcode ItemReader.put} when it arrives.
   */
  take(call: SessionStream): Uint8Array | undefined;
  /**
   * Decodes an item.
   *
   * The callee also validates it against the method's schema. The bytes are
   * valid only until this method returns.
   *
   * @throws if the item cannot be decoded or is invalid; the iteration then fails
   * with that error
   */
  decode(body: Uint8Array): unknown;
  /** Called when the loop exits early or fails: no more items are wanted. */
  abandoned(failure?: unknown): void;
}

/** Result of `next()`; a promise only if the schema of the items is asynchronous. */
type NextItem = IteratorResult<unknown> | Promise<IteratorResult<unknown>>;

const DONE: IteratorResult<never> = Object.freeze({
  done: true,
  value: undefined,
});

/**
 * State of a reader. `return()`, or an item that cannot be decoded, closes it at
 * once; reading to the end closes it after the last item.
 *
 * ```text
 *  open ──end()──▶ ending ──last item read or dropped──▶ closed
 *    └───return()────┴──────────────────────────────────────▲
 * ```
 */
type ReaderState = "open" | "ending" | "closed";

/**
 * Async iterator over the items of a call.
 *
 * Each read grants credit, so a reader that pauses also pauses the sender. If an
 * item cannot be decoded or is invalid, the reader itself ends the iteration:
 * `for await` does not call `return()` after `next()` has rejected.
 */
export class ItemReader implements AsyncIterableIterator<unknown> {
  /** Call that the items belong to; set once it is known. */
  call: SessionStream | undefined;
  /** Functions that resolve the promises of waiting `next()` calls. */
  #waiters: ((next: NextItem) => void)[] = [];
  #state: ReaderState = "open";
  /** Error that the iteration throws after the last item. */
  #failure: { readonly error: unknown } | undefined = undefined;
  readonly #source: ItemSource;

  /**
   * @param source the source of the items
   * @param call the call, if already known
   */
  constructor(source: ItemSource, call?: SessionStream) {
    this.#source = source;
    this.call = call;
  }

  /** Returns the next item; overlapping calls receive the items in order. */
  next(): Promise<IteratorResult<unknown>> {
    if (this.#waiters.length === 0) {
      const now = this.#takeNow();
      if (now !== undefined) return Promise.resolve(now);
    }
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #takeNow(): NextItem | undefined {
    if (this.#state === "closed") return DONE;
    const body = this.call && this.#source.take(this.call);
    if (body !== undefined) return this.#decoded(body);
    if (this.#state === "open") return undefined;
    this.#state = "closed";
    return this.#failure === undefined
      ? DONE
      : rejectedWhereAwaited(this.#failure.error);
  }

  #decoded(body: Uint8Array): NextItem {
    try {
      const value = this.#source.decode(body);
      if (isThenable(value)) return this.#whenValid(value);
      return { done: false, value };
    } catch (error) {
      this.#leave(error);
      return rejectedWhereAwaited(error);
    }
  }

  /** Waits for an asynchronous schema. Separate, so that other items allocate no promise. */
  async #whenValid(
    value: PromiseLike<unknown>,
  ): Promise<IteratorResult<unknown>> {
    try {
      return { done: false, value: await value };
    } catch (error) {
      this.#leave(error);
      throw error;
    }
  }

  /** Delivers an item to a waiting `next()`; the bytes are valid only until `put` returns. */
  put(body: Uint8Array): void {
    const resolve = this.#waiters.shift();
    if (resolve === undefined) return;
    resolve(this.#decoded(body));
    // Taking an item for the next waiter also requests one from the sender.
    if (this.#waiters.length > 0) this.#serve();
  }

  /**
   * Ends the iteration once the items that have arrived are read.
   *
   * @param failure the error that the iteration throws, if any
   * @param atOnce whether to drop items that have arrived but have not been
   * read
   */
  end(failure?: { readonly error: unknown }, atOnce = false): void {
    const ending = this.#state === "ending";
    if (this.#state === "closed" || ending && !atOnce) return;
    this.#state = "ending";
    this.#failure = failure;
    if (atOnce) this.call = undefined;
    this.#serve();
  }

  #serve(): void {
    while (this.#waiters.length > 0) {
      const now = this.#takeNow();
      if (now === undefined) return;
      this.#waiters.shift()!(now); // not empty: checked by the loop
    }
  }

  #leave(failure?: unknown): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#serve();
    this.#source.abandoned(failure);
  }

  /** Ends the iteration early; unread and later items are dropped. */
  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#leave();
    return Promise.resolve({ done: true, value });
  }

  /** @inheritdoc */
  [Symbol.asyncIterator](): this {
    return this;
  }
}
