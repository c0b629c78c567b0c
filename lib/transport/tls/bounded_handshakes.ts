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
import { BoundedSetups } from "../bounded_setups.ts";
import type { Connection, Listener, SocketAddress } from "../connection.ts";
import type { ConnectionInfo } from "../connection_info.ts";
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

/** A socket, which may know more about its peer. */
type Socket = Connection & { readonly info?: Partial<ConnectionInfo> };

/**
 * Performs handshakes concurrently, up to a maximum.
 *
 * It accepts sockets from a listener and returns connections in the order in
 * which their handshakes complete, so a slow client does not delay the others.
 */
export class BoundedHandshakes implements AcceptSource<TlsConnection> {
  /** The bound address, as one of TLS. */
  readonly addr: SocketAddress;
  #options: BoundedHandshakesOptions;
  #setups: BoundedSetups<Socket, Secured>;

  /**
   * @param listener the source of sockets; the new object owns it
   * @param options limits and TLS options
   */
  constructor(listener: Listener<Socket>, options: BoundedHandshakesOptions) {
    const { addr } = listener;
    const transport = addr.transport === "unix" ? "tls+unix" : "tls";
    this.addr = { ...addr, transport };
    this.#options = options;
    this.#setups = new BoundedSetups(listener, {
      name: "TLS handshake",
      max: options.maxHandshakes,
      setUp: (socket, signal) => this.#secured(socket, signal),
      discard: ({ engine }) => void engine.linger(),
      onFailed: (error, address) =>
        this.#report(handshakeFailure(error, { verb: "accept", address })),
    });
  }

  /** Waits, after `close`, until the accept loop and all handshakes have ended. */
  stopped(): Promise<void> {
    return this.#setups.stopped();
  }

  /** Waits for the next client that completes its handshake. */
  async accept(options: SocketConnectionOptions): Promise<TlsConnection> {
    const { engine, terms } = await this.#setups.accept();
    return new TlsConnectionImpl(engine, { ...options, ...terms });
  }

  /** Stops listening; cancels handshakes and closes unaccepted connections. */
  close(): void {
    this.#setups.close();
  }

  /** Keeps the process alive while the listener is open. */
  ref(): void {
    this.#setups.ref();
  }

  /** Lets the process exit while the listener is open. */
  unref(): void {
    this.#setups.unref();
  }

  async #secured(socket: Socket, signal: AbortSignal): Promise<Secured> {
    const address = formatAddress(socket.remoteAddr);
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
      const terms = this.#accepted(negotiated(engine.socket), address);
      return { engine, terms: { ...terms, proxy: socket.info?.proxy } };
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
    try {
      this.#options.onHandshakeError?.(error);
    } catch {
      // A callback that throws must not end the listener.
    }
  }
}
