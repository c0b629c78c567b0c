/**
 * A link between a command and a worker that it has started.
 *
 * @module
 */

/** A link to a worker, or from the worker to the command. */
export class WorkerLink {
  readonly #port: MessagePort;
  readonly #close: () => void;
  readonly #messages: unknown[] = [];
  #receiving: PromiseWithResolvers<unknown> | undefined = undefined;
  #failure: { readonly error: unknown } | undefined = undefined;

  /**
   * @param port the port, which the link then owns
   * @param close closes the port, and what belongs to it
   */
  constructor(port: MessagePort, close: () => void = () => port.close()) {
    this.#port = port;
    this.#close = close;
    port.onmessage = ({ data }: MessageEvent<unknown>) => this.#take(data);
  }

  /** Sends a value that `structuredClone()` can copy. */
  send(message: unknown): void {
    this.#port.postMessage(message);
  }

  /**
   * Returns the next message.
   *
   * @throws by rejection if the other end has failed
   */
  receive(): Promise<unknown> {
    if (this.#messages.length > 0) {
      return Promise.resolve(this.#messages.shift());
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure.error);
    this.#receiving ??= Promise.withResolvers<unknown>();
    return this.#receiving.promise;
  }

  /** Closes the link. */
  close(): void {
    this.#close();
  }

  /** Rejects what is received from now on: the other end has failed. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#receiving?.reject(error);
    this.#receiving = undefined;
  }

  #take(message: unknown): void {
    if (this.#receiving === undefined) {
      this.#messages.push(message);
      return;
    }
    this.#receiving.resolve(message);
    this.#receiving = undefined;
  }
}
