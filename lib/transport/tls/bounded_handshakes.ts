/**
 * A server's TLS handshakes, which run concurrently with its accept loop.
 *
 * @module
 */
import type { TlsOptions } from "node:tls";
import type { TlsEngine } from "./tls_engine.ts";
import { handshakeFailure } from "./handshake_failure.ts";
import { performHandshake } from "./handshake.ts";
import { formatAddress } from "../address.ts";
import type { Connection, Listener, SocketAddress } from "../connection.ts";
import { destroy } from "../destroy.ts";
import { TransportError } from "../errors.ts";
import type { SocketConnectionOptions } from "../socket_connection_impl.ts";
import type { AcceptSource } from "../socket_listener_impl.ts";
import type { TlsConnection } from "./tls_connection.ts";
import {
  negotiated,
  TlsConnectionImpl,
  type TlsConnectionOptions,
} from "./tls_connection_impl.ts";

/** Options for {@linkcode BoundedHandshakes}. */
export interface BoundedHandshakesOptions {
  /** Returns the options for the next handshake, with the current certificate. */
  tlsOptions(): TlsOptions;
  /** Whether to reject clients that do not offer an ALPN protocol. */
  requireAlpn: boolean;
  /** Whether an end without close_notify is an error. @default {true} */
  requireCloseNotify?: boolean | undefined;
  /** Milliseconds that one handshake may take. */
  handshakeTimeout: number;
  /**
   * Maximum number of running handshakes plus completed but unaccepted
   * connections. Beyond it, a new client replaces the oldest handshake.
   */
  maxHandshakes: number;
  /** Called for each failed handshake. */
  onHandshakeError: ((error: TransportError) => void) | undefined;
}

/** The result of a completed handshake. */
interface Secured {
  engine: TlsEngine;
  /**
   * Outcome of the handshake.
   *
   * It is read immediately, because the certificate is gone once the socket has
   * closed.
   */
  terms: TlsConnectionOptions;
}

/** A running handshake. */
interface Handshake {
  /** The client's host; all clients of a Unix socket are one. */
  readonly host: string;
  /** The client's address, in URL form. */
  readonly address: string;
  /** Time at which it began. */
  readonly began: number;
  /** Cancels the handshake; it then fails with the reason. */
  readonly stop: AbortController;
}

/**
 * Milliseconds after which a new client may replace an unfinished handshake.
 *
 * A handshake takes two round trips and 4 ms of computing.
 */
const PROTECTED = 500;
/**
 * Milliseconds of a timer that shows whether this process is responsive.
 *
 * It is responsive if such timers have been in time for `PROTECTED` ms. While it
 * is not, as in a burst of clients, unfinished handshakes wait for this process
 * and not for their clients. Replacing them would waste their work.
 */
const PROBE = 50;

interface Waiting {
  resolve(secured: Secured): void;
  reject(error: unknown): void;
}

/**
 * Performs handshakes concurrently, up to a maximum.
 *
 * It accepts sockets from a listener and returns connections in the order in
 * which their handshakes complete, so a slow client does not delay the others.
 */
export class BoundedHandshakes implements AcceptSource<TlsConnection> {
  /** The bound address, as one of TLS. */
  readonly addr: SocketAddress;
  #listener: Listener;
  #options: BoundedHandshakesOptions;
  #closed = false;
  /** The running handshakes, the oldest first. */
  #handshakes = new Map<Handshake, Promise<void>>();
  /** Number of consecutive probes that were in time. */
  #probes = 0;
  /** Time until which this process counts as responsive. */
  #responsiveUntil = 0;
  #ready: Secured[] = [];
  #waiting: Waiting[] = [];
  #onRoom: (() => void) | undefined;
  #end: unknown;
  #loop: Promise<void>;

  /**
   * @param listener the source of sockets; the new object owns it
   * @param options limits and TLS options
   */
  constructor(listener: Listener, options: BoundedHandshakesOptions) {
    const { addr } = listener;
    const transport = addr.transport === "unix" ? "tls+unix" : "tls";
    this.addr = { ...addr, transport };
    this.#listener = listener;
    this.#options = options;
    this.#loop = this.#acceptAll();
  }

  /** Waits, after `close`, until the accept loop and all handshakes have ended. */
  async stopped(): Promise<void> {
    await this.#loop;
    await Promise.all(this.#handshakes.values());
  }

  /** Waits for the next client that completes its handshake. */
  async accept(options: SocketConnectionOptions): Promise<TlsConnection> {
    const { engine, terms } = this.#ready.shift() ?? await this.#next();
    this.#onRoom?.();
    return new TlsConnectionImpl(engine, { ...options, ...terms });
  }

  /** Stops listening; cancels handshakes and closes unaccepted connections. */
  close(): void {
    this.#closed = true;
    this.#listener.close();
    for (const { stop } of this.#handshakes.keys()) {
      stop.abort(new Error("the listener is closed"));
    }
    for (const { engine } of this.#ready.splice(0)) void engine.linger();
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

  #next(): Promise<Secured> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
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

  /** Waits for room for one more handshake; drops an old one if necessary. */
  async #makeRoom(): Promise<void> {
    const { maxHandshakes } = this.#options;
    while (
      this.#handshakes.size + this.#ready.length >= maxHandshakes &&
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
   * Returns the handshake to drop: the oldest of the host that has most of them.
   * The clients of one host therefore cannot displace those of others.
   */
  #oldest(): Handshake | undefined {
    const perHost = Map.groupBy(this.#handshakes.keys(), ({ host }) => host);
    let most: Handshake[] = [];
    for (const handshakes of perHost.values()) {
      if (handshakes.length > most.length) most = handshakes;
    }
    return most[0]; // the map is in the order in which they began
  }

  async #drop(handshake: Handshake): Promise<void> {
    const { maxHandshakes } = this.#options;
    const { address } = handshake;
    handshake.stop.abort(
      new TransportError(
        `Cannot accept ${address}: its TLS handshake was the oldest of ${maxHandshakes} unfinished ones, and made room for another client`,
        { code: "limit", address },
      ),
    );
    await this.#handshakes.get(handshake);
  }

  #begin(socket: Connection): void {
    const handshake: Handshake = {
      host: socket.remoteAddr.hostname ?? "",
      address: formatAddress(socket.remoteAddr),
      began: performance.now(),
      stop: new AbortController(),
    };
    const done = this.#handshake(socket, handshake.stop.signal).finally(() => {
      this.#handshakes.delete(handshake);
      this.#onRoom?.();
    });
    this.#handshakes.set(handshake, done);
  }

  async #handshake(socket: Connection, signal: AbortSignal): Promise<void> {
    const address = formatAddress(socket.remoteAddr);
    try {
      const secured = await this.#secured(socket, signal, address);
      // The listener closed in the same turn in which the handshake completed.
      if (this.#closed) return void secured.engine.linger();
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#ready.push(secured);
      else waiting.resolve(secured);
    } catch (error) {
      this.#report(handshakeFailure(error, { verb: "accept", address }));
    }
  }

  async #secured(
    socket: Connection,
    signal: AbortSignal,
    address: string,
  ): Promise<Secured> {
    const { handshakeTimeout, tlsOptions, requireCloseNotify } = this.#options;
    const role = { server: tlsOptions(), requireCloseNotify };
    const engine = await performHandshake(socket, role, {
      signal,
      timeout: handshakeTimeout,
      timeoutError: () => {
        return new TransportError(
          `Cannot accept ${address}: the TLS handshake did not complete within ${handshakeTimeout} ms`,
          { code: "timeout", address },
        );
      },
    });
    try {
      return {
        engine,
        terms: this.#accepted(negotiated(engine.socket), address),
      };
    } catch (error) {
      void engine.linger();
      throw error;
    }
  }

  #accepted(
    terms: TlsConnectionOptions,
    address: string,
  ): TlsConnectionOptions {
    if (!this.#options.requireAlpn || terms.alpnProtocol) return terms;
    throw new TransportError(
      `Cannot accept ${address}: the client offered no ALPN protocol, and this listener requires one`,
      { code: "tls", address },
    );
  }

  #report(error: TransportError): void {
    if (this.#closed) return;
    try {
      this.#options.onHandshakeError?.(error);
    } catch {
      // A callback that throws must not end the listener.
    }
  }
}
