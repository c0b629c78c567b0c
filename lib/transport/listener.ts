/**
 * The accept loop that no peer can end.
 *
 * @module
 */
import { delay } from "@std/async/delay";
import { failureKind, transportError } from "./failure.ts";
import { formatAddress } from "./address.ts";
import type { Listener, SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type {
  SocketConnection,
  SocketConnectionOptions,
} from "./socket_connection.ts";

/** How a listener treats those who knock. */
export interface ListenerOptions {
  /**
   * Connections held at a time. The descriptors of a process are shared by all
   * it does: without a cap one listener can take them all.
   *
   * @default {10000}
   */
  maxConnections?: number;
  /**
   * What a client gets when `maxConnections` are held: `"wait"` leaves it in
   * the operating system's backlog until one closes, `"refuse"` accepts and
   * closes it at once.
   *
   * @default {"wait"}
   */
  overflow?: "wait" | "refuse";
  /**
   * Told of what kept the listener from accepting for a while, such as the
   * descriptor limit. Peers that go before they are accepted are not told.
   */
  onError?: (error: TransportError) => void;
  /** Closes the listener when aborted; accepted connections live on. */
  signal?: AbortSignal;
}

/**
 * What a {@linkcode SocketListener} accepts from.
 *
 * @typeParam C the connections it makes
 */
export interface AcceptSource<C extends SocketConnection = SocketConnection> {
  /** The bound address. */
  readonly addr: SocketAddress;
  /**
   * Waits for the next client.
   *
   * @param options to be handed to the connection
   */
  accept(options: SocketConnectionOptions): Promise<C>;
  /** Stops listening; a pending `accept` rejects. */
  close(): void;
  /** Keeps the process alive while it listens; left out where nothing does. */
  ref?(): void;
  /** Lets the process end although it listens. */
  unref?(): void;
}

// The rule of Go's net/http for a listener that fails for a while.
const FIRST_PAUSE = 5;
const LAST_PAUSE = 1_000;

/**
 * A listening socket. Accepting and iterating go on whatever a peer does; they
 * end when {@linkcode SocketListener.close} is called or the signal is aborted.
 * A peer that resets before it is accepted is passed over; at the limit of
 * descriptors the listener pauses, 5 ms and doubling up to 1 s, while clients
 * wait in the backlog.
 *
 * @example Greet each client
 * ```ts
 * import { connect, listen, writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen({ port: 0 });
 * const serving = (async () => {
 *   for await (using connection of listener) {
 *     await writeAll(connection, new TextEncoder().encode("hello"));
 *     break; // leaving the loop closes the listener
 *   }
 * })();
 *
 * using client = await connect(listener.addr);
 * const buffer = new Uint8Array(16);
 * const count = await client.read(buffer) ?? 0;
 * assertEquals(new TextDecoder().decode(buffer.subarray(0, count)), "hello");
 * await serving;
 * ```
 *
 * @typeParam C the connections it hands out
 */
export class SocketListener<C extends SocketConnection = SocketConnection>
  implements Listener<C>, AsyncDisposable {
  /** The bound address, with the port that was assigned. */
  readonly addr: SocketAddress;
  #source: AcceptSource<C>;
  #maxConnections: number;
  #refuses: boolean;
  #onError: ((error: TransportError) => void) | undefined;
  #signal: AbortSignal | undefined;
  #stop = new AbortController();
  #connections = 0;
  #pause = 0;
  #roomMade: (() => void) | undefined;
  #lastAccept: Promise<unknown> = Promise.resolve();

  /**
   * Makes one of what accepts; `listen` does that.
   *
   * @param source what to accept from; it belongs to this object from now on
   * @param options caps, callback and signal
   * @throws {RangeError} for a `maxConnections` that is no positive number
   */
  constructor(source: AcceptSource<C>, options: ListenerOptions = {}) {
    const { maxConnections = 10_000, overflow = "wait", onError, signal } =
      options;
    if (!(maxConnections >= 1)) {
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

  /** Connections that it has handed out and that are not closed yet. */
  get connections(): number {
    return this.#connections;
  }

  /** Whether it has stopped listening. */
  get closed(): boolean {
    return this.#stop.signal.aborted;
  }

  /**
   * Waits for the next client; several calls are served in their order.
   *
   * @throws {TransportError} of kind `"closed"` once the listener has closed;
   * the signal's reason, where the signal closed it
   */
  accept(): Promise<C> {
    const accepted = this.#lastAccept.then(() => this.#accept());
    this.#lastAccept = accepted.catch(() => {});
    return accepted;
  }

  /** Stops listening; accepted connections live on. A second call does nothing. */
  close(): void {
    if (this.closed) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#stop.abort();
    this.#roomMade?.();
    try {
      this.#source.close();
    } catch {
      // The platform had closed it already: what was asked for has been done.
    }
  }

  /** Keeps the process alive while it listens, as it does from the start. */
  ref(): void {
    this.#source.ref?.();
  }

  /** Lets the process end although it listens; connections keep it alive. */
  unref(): void {
    this.#source.unref?.();
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Stops listening, and waits until the address is free again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#lastAccept;
  }

  /**
   * Accepts until the listener closes, and ends without an error then. Leaving
   * the loop closes the listener, as it does in Deno.
   */
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
    this.#roomMade?.();
  };

  async #accept(): Promise<C> {
    for (;;) {
      await this.#room();
      if (this.closed) throw this.#closedError();
      const connection = await this.#acceptOnce();
      if (connection === undefined) continue;
      this.#connections++;
      this.#pause = 0;
      const tooMany = this.#connections > this.#maxConnections;
      if (!this.closed && !tooMany) return connection;
      connection.close();
    }
  }

  async #acceptOnce(): Promise<C | undefined> {
    try {
      return await this.#source.accept({ onClose: this.#release });
    } catch (error) {
      const kind = failureKind(error);
      if (this.closed || kind === "reset") return undefined;
      // Whoever closed the socket under us meant the listener to end.
      if (kind === "closed") this.close();
      else await this.#backOff(error);
    }
  }

  /** Waits where the cap says so. One accept runs at a time: one waiter is enough. */
  async #room(): Promise<void> {
    while (
      !this.#refuses && !this.closed &&
      this.#connections >= this.#maxConnections
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#roomMade = resolve;
      await promise;
      this.#roomMade = undefined;
    }
  }

  async #backOff(error: unknown): Promise<void> {
    this.#pause = Math.min(this.#pause * 2 || FIRST_PAUSE, LAST_PAUSE);
    const address = formatAddress(this.addr);
    try {
      this.#onError?.(transportError(error, { verb: "accept on", address }));
    } catch {
      // A reporter that fails must not end the listener.
    }
    await delay(this.#pause, { signal: this.#stop.signal }).catch(() => {});
  }

  #closedError(): unknown {
    if (this.#signal?.aborted) return this.#signal.reason;
    const address = formatAddress(this.addr);
    return new TransportError(
      `Cannot accept on ${address}: the listener has been closed`,
      { kind: "closed", address },
    );
  }
}
