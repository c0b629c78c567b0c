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
  /** Milliseconds that one handshake may take. */
  handshakeTimeout: number;
  /** Maximum number of running handshakes plus completed but unaccepted connections. */
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
  /** The bound address. */
  readonly addr: SocketAddress;
  #listener: Listener;
  #options: BoundedHandshakesOptions;
  #stop = new AbortController();
  #handshakes = new Set<Promise<void>>();
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
    this.addr = listener.addr;
    this.#listener = listener;
    this.#options = options;
    this.#loop = this.#acceptAll();
  }

  /** Waits, after `close`, until the accept loop and all handshakes have ended. */
  async stopped(): Promise<void> {
    await this.#loop;
    await Promise.all(this.#handshakes);
  }

  /** Waits for the next client that completes its handshake. */
  async accept(options: SocketConnectionOptions): Promise<TlsConnection> {
    const { engine, terms } = this.#ready.shift() ?? await this.#next();
    this.#onRoom?.();
    return new TlsConnectionImpl(engine, { ...options, ...terms });
  }

  /** Stops listening; cancels handshakes and closes unaccepted connections. */
  close(): void {
    this.#listener.close();
    this.#stop.abort(new Error("the listener is closed"));
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
        await this.#waitForRoom();
        const socket = await this.#listener.accept();
        const handshake = this.#handshake(socket).finally(() => {
          this.#handshakes.delete(handshake);
          this.#onRoom?.();
        });
        this.#handshakes.add(handshake);
      }
    } catch (error) {
      // `SocketListener.accept` rejects only after the listener has closed.
      this.#end = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  async #waitForRoom(): Promise<void> {
    const { maxHandshakes } = this.#options;
    while (
      this.#handshakes.size + this.#ready.length >= maxHandshakes &&
      !this.#stop.signal.aborted
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onRoom = resolve;
      await promise;
    }
  }

  async #handshake(socket: Connection): Promise<void> {
    const address = formatAddress(socket.remoteAddr);
    try {
      const secured = await this.#secured(socket, address);
      // The listener closed in the same turn in which the handshake completed.
      if (this.#stop.signal.aborted) return void secured.engine.linger();
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#ready.push(secured);
      else waiting.resolve(secured);
    } catch (error) {
      this.#report(handshakeFailure(error, { verb: "accept", address }));
    }
  }

  async #secured(socket: Connection, address: string): Promise<Secured> {
    const { handshakeTimeout, tlsOptions } = this.#options;
    const engine = await performHandshake(socket, { server: tlsOptions() }, {
      signal: this.#stop.signal,
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
    if (this.#stop.signal.aborted) return;
    try {
      this.#options.onHandshakeError?.(error);
    } catch {
      // A callback that throws must not end the listener.
    }
  }
}
