/**
 * TLS handshakes of a server, beside the loop that accepts.
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
import type { AcceptSource } from "../listener.ts";
import type { SocketConnectionOptions } from "../socket_connection.ts";
import {
  agreed,
  TlsConnection,
  type TlsConnectionOptions,
} from "./tls_connection.ts";

/** How handshakes are held. */
export interface BoundedHandshakesOptions {
  /** Makes the options of the next handshake: those of the current certificate. */
  tlsOptions(): TlsOptions;
  /** Refuse a client without an ALPN protocol. */
  requireAlpn: boolean;
  /** Milliseconds for one handshake. */
  handshakeTimeout: number;
  /** Handshakes under way, and connections done that nobody has accepted yet. */
  maxHandshakes: number;
  /** Told of each handshake that failed. */
  onHandshakeError: ((error: TransportError) => void) | undefined;
}

/** A socket whose handshake is done, and what it has agreed on. */
interface Secured {
  engine: TlsEngine;
  /** Asked for at once: a socket that has gone does not tell its certificate. */
  terms: TlsConnectionOptions;
}

interface Waiting {
  resolve(secured: Secured): void;
  reject(error: unknown): void;
}

/**
 * Takes sockets from a listener and hands out those whose handshake is done, in
 * the order in which they get done: a slow client holds up nobody else.
 */
export class BoundedHandshakes implements AcceptSource<TlsConnection> {
  /** The bound address. */
  readonly addr: SocketAddress;
  #listener: Listener;
  #options: BoundedHandshakesOptions;
  #stop = new AbortController();
  #shaking = new Set<Promise<void>>();
  #ready: Secured[] = [];
  #waiting: Waiting[] = [];
  #roomMade: (() => void) | undefined;
  #end: unknown;
  #running: Promise<void>;

  /**
   * @param listener where the sockets come from; it belongs to this object from now on
   * @param options how handshakes are held
   */
  constructor(listener: Listener, options: BoundedHandshakesOptions) {
    this.addr = listener.addr;
    this.#listener = listener;
    this.#options = options;
    this.#running = this.#run();
  }

  /** Waits until nothing is left of it, once it is closed. */
  async stopped(): Promise<void> {
    await this.#running;
    await Promise.all(this.#shaking);
  }

  /** Waits for the next client whose handshake is done. */
  async accept(options: SocketConnectionOptions): Promise<TlsConnection> {
    const { engine, terms } = this.#ready.shift() ?? await this.#next();
    this.#roomMade?.();
    return new TlsConnection(engine, { ...options, ...terms });
  }

  /** Stops listening, and gives up handshakes and what nobody has accepted. */
  close(): void {
    this.#listener.close();
    this.#stop.abort(new Error("the listener has been closed"));
    for (const { engine } of this.#ready.splice(0)) engine.close();
    this.#roomMade?.();
  }

  /** Keeps the process alive while it listens. */
  ref(): void {
    this.#listener.ref?.();
  }

  /** Lets the process end although it listens. */
  unref(): void {
    this.#listener.unref?.();
  }

  #next(): Promise<Secured> {
    if (this.#end !== undefined) return Promise.reject(this.#end);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        await this.#room();
        const socket = await this.#listener.accept();
        const shaking = this.#shake(socket).finally(() => {
          this.#shaking.delete(shaking);
          this.#roomMade?.();
        });
        this.#shaking.add(shaking);
      }
    } catch (error) {
      // The listener survives everything but its own end.
      this.#end = error;
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    }
  }

  async #room(): Promise<void> {
    const { maxHandshakes } = this.#options;
    while (
      this.#shaking.size + this.#ready.length >= maxHandshakes &&
      !this.#stop.signal.aborted
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#roomMade = resolve;
      await promise;
    }
  }

  async #shake(socket: Connection): Promise<void> {
    const address = formatAddress(socket.remoteAddr);
    try {
      const secured = await this.#secured(socket, address);
      // Closed in the very turn in which the handshake was done.
      if (this.#stop.signal.aborted) return secured.engine.close();
      const taker = this.#waiting.shift();
      if (taker === undefined) this.#ready.push(secured);
      else taker.resolve(secured);
    } catch (error) {
      this.#report(handshakeFailure(error, { verb: "accept", address }));
    }
  }

  async #secured(socket: Connection, address: string): Promise<Secured> {
    const { handshakeTimeout, tlsOptions } = this.#options;
    const engine = await performHandshake(socket, { server: tlsOptions() }, {
      signal: this.#stop.signal,
      timeout: handshakeTimeout,
      late: () => {
        return new TransportError(
          `Cannot accept ${address}: no TLS handshake within ${handshakeTimeout} ms`,
          { kind: "timeout", address },
        );
      },
    });
    try {
      return { engine, terms: this.#accepted(agreed(engine.socket), address) };
    } catch (error) {
      engine.close();
      throw error;
    }
  }

  #accepted(
    terms: TlsConnectionOptions,
    address: string,
  ): TlsConnectionOptions {
    if (!this.#options.requireAlpn || terms.alpnProtocol) return terms;
    throw new TransportError(
      `Cannot accept ${address}: the client has offered no ALPN protocol, and this listener requires one`,
      { kind: "tls", address },
    );
  }

  #report(error: TransportError): void {
    if (this.#stop.signal.aborted) return;
    try {
      this.#options.onHandshakeError?.(error);
    } catch {
      // A reporter that fails must not end the listener.
    }
  }
}
