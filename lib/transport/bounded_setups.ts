/**
 * Work on each socket before a listener accepts it, such as handshakes.
 *
 * @module
 */
import { formatAddress } from "./address.ts";
import type { Connection, Listener, SocketAddress } from "./connection.ts";
import { destroy } from "./destroy.ts";
import { TransportError } from "./errors.ts";

/**
 * Options for {@linkcode BoundedSetups}.
 *
 * @typeParam S the sockets
 * @typeParam R the result of a setup
 */
export interface BoundedSetupsOptions<S, R> {
  /** Name of a setup for errors, such as `"TLS handshake"`. */
  name: string;
  /**
   * Maximum number of running setups plus completed but unaccepted results.
   * Beyond it, a new client replaces the oldest setup.
   */
  max: number;
  /**
   * Sets a socket up; it owns the socket.
   *
   * @param socket the socket
   * @param signal cancels the setup, which then fails with the reason
   */
  setUp(socket: S, signal: AbortSignal): Promise<R>;
  /** Closes a result that is not accepted. */
  discard(result: R): void;
  /** Called for each failed setup, until the listener has closed. */
  onFailed(error: unknown, address: string): void;
}

/** A running setup. */
interface Setup {
  /** The client's host; all clients of a Unix socket are one. */
  readonly host: string;
  /** The client's address, in URL form. */
  readonly address: string;
  /** Time at which it began. */
  readonly began: number;
  /** Cancels the setup; it then fails with the reason. */
  readonly stop: AbortController;
}

/**
 * Milliseconds after which a new client may replace an unfinished setup.
 *
 * A handshake of TLS takes two round trips and 4 ms of computing.
 */
const PROTECTED = 500;
/**
 * Milliseconds of a timer that shows whether this process is responsive.
 *
 * It is responsive if such timers have been in time for `PROTECTED` ms. While it
 * is not, as in a burst of clients, unfinished setups wait for this process and
 * not for their clients. Replacing them would waste their work.
 */
const PROBE = 50;

/** A listener whose end can be awaited. */
type Sockets<S extends Connection> = Listener<S> & Partial<AsyncDisposable>;

/**
 * Sets sockets up concurrently, up to a maximum.
 *
 * It accepts sockets from a listener and returns results in the order in which
 * their setups complete, so a slow client does not delay the others.
 *
 * @typeParam S the sockets
 * @typeParam R the result of a setup
 */
export class BoundedSetups<S extends Connection, R> {
  #listener: Sockets<S>;
  #options: BoundedSetupsOptions<S, R>;
  #closed = false;
  /** The running setups, the oldest first. */
  #setups = new Map<Setup, Promise<void>>();
  /** Number of consecutive probes that were in time. */
  #probes = 0;
  /** Time until which this process counts as responsive. */
  #responsiveUntil = 0;
  #ready: R[] = [];
  #waiting: PromiseWithResolvers<R>[] = [];
  #onRoom: (() => void) | undefined;
  #end: unknown;
  #loop: Promise<void>;

  /**
   * @param listener the source of sockets; the new object owns it
   * @param options the setup, and its limits
   */
  constructor(listener: Sockets<S>, options: BoundedSetupsOptions<S, R>) {
    this.#listener = listener;
    this.#options = options;
    this.#loop = this.#acceptAll();
  }

  /** Address of the listener. */
  get addr(): SocketAddress {
    return this.#listener.addr;
  }

  /** Waits, after `close`, until the accept loop and all setups have ended. */
  async stopped(): Promise<void> {
    await this.#loop;
    await Promise.all(this.#setups.values());
    await this.#listener[Symbol.asyncDispose]?.();
  }

  /** Waits for the next client whose setup completes. */
  async accept(): Promise<R> {
    const result = this.#ready.length > 0
      ? this.#ready.shift()!
      : await this.#next();
    this.#onRoom?.();
    return result;
  }

  /** Stops listening; cancels setups and discards unaccepted results. */
  close(): void {
    this.#closed = true;
    this.#listener.close();
    for (const { stop } of this.#setups.keys()) {
      stop.abort(new Error("the listener is closed"));
    }
    for (const result of this.#ready.splice(0)) this.#options.discard(result);
    this.#onRoom?.();
  }

  /** Keeps the process alive while the listener is open. */
  ref(): void {
    this.#listener.ref?.();
  }

  /** Lets the process exit while the listener is open. */
  unref(): void {
    this.#listener.unref?.();
  }

  #next(): Promise<R> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    const next = Promise.withResolvers<R>();
    this.#waiting.push(next);
    return next.promise;
  }

  async #acceptAll(): Promise<void> {
    try {
      for (;;) {
        const socket = await this.#listener.accept();
        await this.#makeRoom();
        if (this.#closed) destroy(socket);
        else this.#begin(socket);
      }
    } catch (error) {
      // `SocketListener.accept` rejects only after the listener has closed.
      this.#end = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  /** Waits for room for one more setup; drops an old one if necessary. */
  async #makeRoom(): Promise<void> {
    while (
      this.#setups.size + this.#ready.length >= this.#options.max &&
      !this.#closed
    ) {
      const oldest = this.#oldest();
      const now = performance.now();
      const wait = oldest === undefined
        ? Infinity
        : oldest.began + PROTECTED - now;
      if (oldest === undefined || wait > 0) await this.#untilRoom(wait);
      else if (now > this.#responsiveUntil) await this.#probe();
      else await this.#drop(oldest);
    }
  }

  async #probe(): Promise<void> {
    const began = performance.now();
    await this.#untilRoom(PROBE);
    const now = performance.now();
    this.#probes = now - began < 2 * PROBE ? this.#probes + 1 : 0;
    if (this.#probes * PROBE < PROTECTED) return;
    this.#responsiveUntil = now + PROTECTED;
    this.#probes = 0;
  }

  async #untilRoom(wait: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = wait === Infinity ? undefined : setTimeout(resolve, wait);
    this.#onRoom = resolve;
    await promise;
    clearTimeout(timer);
  }

  /**
   * Returns the setup to drop: the oldest of the host that has most of them. The
   * clients of one host therefore cannot displace those of others.
   */
  #oldest(): Setup | undefined {
    const perHost = Map.groupBy(this.#setups.keys(), ({ host }) => host);
    let most: Setup[] = [];
    for (const setups of perHost.values()) {
      if (setups.length > most.length) most = setups;
    }
    return most[0]; // the map is in the order in which they began
  }

  async #drop(setup: Setup): Promise<void> {
    const { max, name } = this.#options;
    const { address } = setup;
    setup.stop.abort(
      new TransportError(
        `Cannot accept ${address}: its ${name} was the oldest of ${max} unfinished ones, and made room for another client`,
        { code: "limit", address },
      ),
    );
    await this.#setups.get(setup);
  }

  #begin(socket: S): void {
    const setup: Setup = {
      host: socket.remoteAddr.hostname ?? "",
      address: formatAddress(socket.remoteAddr),
      began: performance.now(),
      stop: new AbortController(),
    };
    const done = this.#run(socket, setup).finally(() => {
      this.#setups.delete(setup);
      this.#onRoom?.();
    });
    this.#setups.set(setup, done);
  }

  async #run(socket: S, { stop, address }: Setup): Promise<void> {
    try {
      const result = await this.#options.setUp(socket, stop.signal);
      // The listener closed in the same turn in which the setup completed.
      if (this.#closed) return this.#options.discard(result);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#ready.push(result);
      else waiting.resolve(result);
    } catch (error) {
      if (!this.#closed) this.#options.onFailed(error, address);
    }
  }
}
