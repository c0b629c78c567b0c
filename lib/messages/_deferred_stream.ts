/**
 * A call with items that begins later: what the caller holds while an
 * interceptor waits.
 *
 * @module
 */

/** What calls with items can do; of the optional members a shape has some. */
interface AnyStream {
  readonly result?: Promise<unknown>;
  cancel(reason?: unknown): void;
  send?(item: unknown): Promise<void>;
  end?(): Promise<void>;
  [Symbol.asyncIterator]?(): AsyncIterator<unknown>;
}

/** Stands for a call until it has begun, and passes everything on to it. */
export class DeferredStream implements AsyncDisposable {
  /** Of the output. */
  readonly result: Promise<unknown>;
  readonly #stream: Promise<AnyStream>;
  #iterator: Promise<AsyncIterator<unknown>> | undefined = undefined;

  /** @param stream what an interceptor gives later */
  constructor(stream: Promise<AnyStream>) {
    this.#stream = stream;
    this.result = stream.then(({ result }) => result);
    this.result.catch(() => {}); // as for a call that begins at once
  }

  /** Sends one item. */
  async send(item: unknown): Promise<void> {
    await (await this.#stream).send?.(item);
  }

  /** Says that no more follow. */
  async end(): Promise<void> {
    await (await this.#stream).end?.();
  }

  /** Cancels the call, now or as soon as it begins. */
  cancel(reason?: unknown): void {
    this.#stream.then((stream) => stream.cancel(reason), () => {});
  }

  /** Cancels what is not finished. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  /** Items, once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    const begun = () => this.#iterator ??= this.#begin();
    return {
      next: async () => await (await begun()).next(),
      return: (value) => {
        this.cancel();
        return Promise.resolve({ done: true, value });
      },
    };
  }

  async #begin(): Promise<AsyncIterator<unknown>> {
    const stream = await this.#stream;
    const iterator = stream[Symbol.asyncIterator]?.();
    if (iterator === undefined) {
      throw new TypeError("Cannot iterate: the call gives no items");
    }
    return iterator;
  }
}
