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

/** Result of `next()`; a promise if it fails, or if the items' schema is asynchronous. */
type NextItem = IteratorResult<unknown> | Promise<IteratorResult<unknown>>;

/** A `next()` call whose item has not arrived. */
type Waiter = PromiseWithResolvers<IteratorResult<unknown>>;

const DONE: IteratorResult<never> = /* @__PURE__ */ Object.freeze({
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
  #waiters: Waiter[] = [];
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
    const waiter: Waiter = Promise.withResolvers();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  /** @param waiter the call that waits for the item; none if it just began */
  #takeNow(waiter?: Waiter): NextItem | undefined {
    if (this.#state === "closed") return DONE;
    const body = this.call && this.#source.take(this.call);
    if (body !== undefined) return this.#decoded(body, waiter);
    if (this.#state === "open") return undefined;
    this.#state = "closed";
    return this.#failure === undefined
      ? DONE
      : rejectedNext(this.#failure.error, waiter);
  }

  #decoded(body: Uint8Array, waiter?: Waiter): NextItem {
    try {
      const value = this.#source.decode(body);
      if (isThenable(value)) return this.#whenValid(value, waiter);
      return { done: false, value };
    } catch (error) {
      this.#leave(error);
      return rejectedNext(error, waiter);
    }
  }

  /** Waits for an asynchronous schema. Separate, so that other items allocate no promise. */
  #whenValid(
    valid: PromiseLike<unknown>,
    waiter: Waiter = Promise.withResolvers(),
  ): Promise<IteratorResult<unknown>> {
    valid.then(
      (value) => waiter.resolve({ done: false, value }),
      (error: unknown) => {
        this.#leave(error);
        rejectedNext(error, waiter);
      },
    );
    return waiter.promise;
  }

  /** Delivers an item to a waiting `next()`; the bytes are valid only until `put` returns. */
  put(body: Uint8Array): void {
    const waiter = this.#waiters.shift();
    if (waiter === undefined) return;
    settle(waiter, this.#decoded(body, waiter));
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
      const waiter = this.#waiters[0]!; // not empty: checked by the loop
      const now = this.#takeNow(waiter);
      if (now === undefined) return;
      settle(waiter, now);
      this.#waiters.shift();
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

/** Resolves a waiting `next()`, unless its own promise will. */
function settle(waiter: Waiter, next: NextItem): void {
  if (next !== waiter.promise) waiter.resolve(next);
}

/**
 * Rejects a `next()` call. An application may ask for items ahead of time, so
 * the promise need not be awaited.
 */
function rejectedNext(
  error: unknown,
  waiter: Waiter = Promise.withResolvers(),
): Promise<IteratorResult<unknown>> {
  waiter.resolve(rejectedWhereAwaited(error, waiter.promise));
  return waiter.promise;
}
