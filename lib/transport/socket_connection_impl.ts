/**
 * The implementation of {@linkcode SocketConnection} on top of any connection.
 *
 * @module
 */
import { transportError } from "./error_mapping.ts";
import { formatAddress } from "./address.ts";
import type { Connection, SocketAddress } from "./connection.ts";
import type { ConnectionInfo } from "./connection_info.ts";
import { TransportError } from "./errors.ts";
import { handled } from "../support/handled.ts";
import { linger } from "../support/linger.ts";
import type { SocketConnection } from "./socket_connection.ts";

/** The connection below a {@linkcode SocketConnectionImpl}. */
export interface LowerConnection extends Connection {
  /**
   * Rejects all pending calls and closes after everything written has arrived.
   *
   * Without this method, the socket is half-closed and its input discarded.
   *
   * @returns a promise that resolves when {@linkcode Connection.close} destroys
   * nothing; `undefined` if that is the case already
   */
  linger?(): Promise<void> | undefined;
  /** Closes both directions at once. */
  close(): void;
}

/** Options for {@linkcode SocketConnectionImpl}. */
export interface SocketConnectionOptions {
  /** Called once, when the socket has been closed locally and is released. */
  onClose?: (() => void) | undefined;
  /**
   * Called when the connection has been closed locally and its socket lingers.
   *
   * @param released resolves when the socket is released
   */
  onLinger?: ((released: Promise<void>) => void) | undefined;
  /** Header of the proxy through which the peer has connected, if any. */
  proxy?: ConnectionInfo["proxy"];
}

/** A connection that counts bytes, normalizes errors and lingers when closed. */
export class SocketConnectionImpl implements SocketConnection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  #socket: LowerConnection;
  #options: SocketConnectionOptions;
  #closed = false;
  #released = false;
  #lingering: Promise<void> | undefined;
  /** Whether bytes may be on their way to the peer. */
  #wrote = false;
  /** Whether the peer can send no more: its stream has ended or failed. */
  #ended = false;
  #bytesRead = 0;
  #bytesWritten = 0;

  /**
   * @param socket any connection, for example a `Deno.Conn`; the new object owns it
   * @param options callbacks
   */
  constructor(socket: LowerConnection, options: SocketConnectionOptions = {}) {
    this.#socket = socket;
    this.#options = options;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
  }

  get info(): ConnectionInfo {
    const { localAddr, remoteAddr } = this;
    const { proxy } = this.#options;
    const peer = { peerCertificate: undefined, request: undefined, proxy };
    return { localAddr, remoteAddr, ...peer };
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  get closed(): boolean {
    return this.#closed;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closed) return this.#fail("read from");
    // Not `async`, because this is the hot path, and `then` costs half as much.
    const read: Promise<number | null> = this.#socket.read(buffer).then(
      (count) => {
        if (this.#closed) return this.#fail("read from", undefined, read);
        if (count === null) this.#ended = true;
        else this.#bytesRead += count;
        return count;
      },
      (error) => this.#fail("read from", error, read),
    );
    return read;
  }

  write(data: Uint8Array): Promise<number> {
    if (this.#closed) return this.#fail("write to");
    this.#wrote = true;
    const write: Promise<number> = this.#socket.write(data).then((count) => {
      this.#bytesWritten += count;
      return this.#closed ? this.#fail("write to", undefined, write) : count;
    }, (error) => this.#fail("write to", error, write));
    return write;
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return this.#fail("half-close");
    const closing: Promise<void> = this.#socket.closeWrite().catch((error) =>
      this.#fail("half-close", error, closing)
    );
    return closing;
  }

  close(): void {
    if (this.#closed) return this.#release();
    this.#closed = true;
    const lingering = this.#linger();
    if (lingering === undefined) return this.#release();
    this.#lingering = lingering.then(() => this.#release());
    this.#options.onLinger?.(this.#lingering);
  }

  ref(): void {
    this.#socket.ref?.();
  }

  unref(): void {
    this.#socket.unref?.();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this[Symbol.dispose]();
    await this.#lingering;
  }

  #linger(): Promise<void> | undefined {
    if (this.#socket.linger !== undefined) return this.#socket.linger();
    // Closing the socket then destroys nothing.
    if (!this.#wrote || this.#ended) return undefined;
    return linger(this.#socket);
  }

  /** Closes the socket, whether or not everything written has arrived. */
  #release(): void {
    if (this.#released) return;
    this.#released = true;
    try {
      this.#socket.close();
    } catch {
      // The platform has already closed it.
    }
    this.#options.onClose?.();
  }

  /**
   * Returns a rejected promise, which need not be awaited.
   *
   * @param result promise of the caller that will reject too
   */
  #fail(
    verb: string,
    error?: unknown,
    result?: Promise<unknown>,
  ): Promise<never> {
    const rejected = handled(Promise.reject(this.#failure(verb, error)));
    // Not earlier: V8 does not follow a promise with two reactions, so the stack
    // of the error would not show the code that awaits it.
    if (result !== undefined) handled(result);
    return rejected;
  }

  #failure(verb: string, error: unknown): Error {
    const address = formatAddress(this.remoteAddr);
    if (!this.#closed) {
      this.#ended ||= verb !== "half-close";
      return transportError(error, { verb, address });
    }
    return new TransportError(
      `Cannot ${verb} ${address}: the connection was closed locally`,
      { code: "closed", address, cause: error },
    );
  }
}
