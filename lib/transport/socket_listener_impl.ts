/**
 * The accept loop that every listener shares.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { describeType } from "../support/describe_type.ts";
import { failureCode, transportError } from "./error_mapping.ts";
import { formatAddress } from "./address.ts";
import type { SocketAddress } from "./connection.ts";
import { destroy } from "./destroy.ts";
import { TransportError } from "./errors.ts";
import type { SocketConnection } from "./socket_connection.ts";
import type { SocketConnectionOptions } from "./socket_connection_impl.ts";
import type { ListenerOptions, SocketListener } from "./socket_listener.ts";

/**
 * The platform's part of a listener.
 *
 * @typeParam C the connections it accepts
 */
export interface AcceptSource<C extends SocketConnection = SocketConnection> {
  /** The bound address. */
  readonly addr: SocketAddress;
  /**
   * Waits for the next client.
   *
   * @param options options to pass to the connection
   */
  accept(options: SocketConnectionOptions): Promise<C>;
  /** Stops listening; a pending `accept` rejects. */
  close(): void;
  /** Waits, after `close`, until nothing is left of it; absent if nothing can be. */
  stopped?(): Promise<void>;
  /** Keeps the process alive while the source listens; absent if unsupported. */
  ref?(): void;
  /** Lets the process exit while the source listens. */
  unref?(): void;
}

// Go's net/http waits equally long before it retries a failed accept.
const FIRST_PAUSE = 5;
const LAST_PAUSE = 1_000;

/** A listener that runs the accept loop over any {@linkcode AcceptSource}. */
export class SocketListenerImpl<C extends SocketConnection = SocketConnection>
  implements SocketListener<C> {
  readonly addr: SocketAddress;
  #source: AcceptSource<C>;
  #maxConnections: number;
  #refuses: boolean;
  #onError: ((error: TransportError) => void) | undefined;
  #signal: AbortSignal | undefined;
  #stop = new AbortController();
  #connections = 0;
  /** Closed connections whose sockets are not released yet. */
  #lingering = new Set<Promise<void>>();
  #pause = 0;
  #onRoom: (() => void) | undefined;
  #lastAccept: Promise<unknown> = Promise.resolve();

  /**
   * @param source where to accept from; the listener owns it
   * @param options caps, callback and signal
   * @throws {RangeError} if `maxConnections` is less than 1
   * @throws {TypeError} if `onError` is not a function
   */
  constructor(source: AcceptSource<C>, options: ListenerOptions = {}) {
    const { maxConnections = 10_000, overflow = "wait", onError, signal } =
      options;
    if (onError !== undefined && typeof onError !== "function") {
      source.close();
      throw new TypeError(
        `Cannot use ${
          describeType(onError)
        } as option "onError": expected a function`,
      );
    }
    if (!(typeof maxConnections === "number" && maxConnections >= 1)) {
      source.close();
      throw new RangeError(
        `Cannot listen as 'maxConnections' must be at least 1: current value is ${maxConnections}`,
      );
    }
    this.addr = source.addr;
    this.#source = source;
    this.#maxConnections = maxConnections;
    this.#refuses = overflow === "refuse";
    this.#onError = onError;
    this.#signal = signal;
    if (signal?.aborted) this.close();
    else signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get connections(): number {
    return this.#connections;
  }

  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  accept(): Promise<C> {
    const accepted = this.#lastAccept.then(() => this.#accept());
    this.#lastAccept = accepted.catch(() => {});
    return accepted;
  }

  close(): void {
    if (this.closed) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#stop.abort();
    this.#onRoom?.();
    try {
      this.#source.close();
    } catch {
      // The platform has already closed it.
    }
  }

  ref(): void {
    this.#source.ref?.();
  }

  unref(): void {
    this.#source.unref?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#lastAccept;
    while (this.#lingering.size > 0) await Promise.all(this.#lingering);
    await this.#source.stopped?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<C, void, void> {
    try {
      while (!this.closed) {
        let connection: C;
        try {
          connection = await this.accept();
        } catch (error) {
          if (this.closed) return;
          throw error;
        }
        yield connection;
      }
    } finally {
      this.close();
    }
  }

  #onAbort = (): void => this.close();

  #release = (): void => {
    this.#connections--;
    this.#onRoom?.();
  };

  #onLinger = (released: Promise<void>): void => {
    this.#lingering.add(released);
    void released.then(() => this.#lingering.delete(released));
  };

  async #accept(): Promise<C> {
    for (;;) {
      await this.#waitForRoom();
      if (this.closed) throw this.#closedError();
      const connection = await this.#acceptOnce();
      if (connection === undefined) continue;
      this.#connections++;
      this.#pause = 0;
      const tooMany = this.#connections > this.#maxConnections;
      if (!this.closed && !tooMany) return connection;
      destroy(connection); // lingering, it would still exceed the maximum
    }
  }

  async #acceptOnce(): Promise<C | undefined> {
    try {
      return await this.#source.accept({
        onClose: this.#release,
        onLinger: this.#onLinger,
      });
    } catch (error) {
      const code = failureCode(error);
      if (this.closed || code === "reset") return undefined;
      // The platform's socket was closed directly, which closes the listener.
      if (code === "closed") this.close();
      else await this.#backOff(error);
    }
  }

  /** Waits until a connection is allowed. One accept runs at a time, so there is only one waiter. */
  async #waitForRoom(): Promise<void> {
    while (
      !this.#refuses && !this.closed &&
      this.#connections >= this.#maxConnections
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onRoom = resolve;
      await promise;
      this.#onRoom = undefined;
    }
  }

  async #backOff(error: unknown): Promise<void> {
    this.#pause = Math.min(this.#pause * 2 || FIRST_PAUSE, LAST_PAUSE);
    const address = formatAddress(this.addr);
    try {
      this.#onError?.(transportError(error, { verb: "accept on", address }));
    } catch {
      // A callback that throws must not end the listener.
    }
    await delay(this.#pause, { signal: this.#stop.signal }).catch(() => {});
  }

  #closedError(): unknown {
    if (this.#signal?.aborted) return this.#signal.reason;
    const address = formatAddress(this.addr);
    return new TransportError(
      `Cannot accept on ${address}: the listener is closed`,
      { code: "closed", address },
    );
  }
}
