/**
 * The implementation of {@linkcode SocketConnection} on top of any connection.
 *
 * @module
 */
import { failure } from "./error_mapping.ts";
import { formatAddress } from "./address.ts";
import type { Connection, SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";
import type { SocketConnection } from "./socket_connection.ts";

/** Options for {@linkcode SocketConnectionImpl}. */
export interface SocketConnectionOptions {
  /** Called once, when the connection is closed locally. */
  onClose?: (() => void) | undefined;
}

/** A connection that counts bytes, normalizes errors and closes at most once. */
export class SocketConnectionImpl implements SocketConnection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  #socket: Connection;
  #onClose: (() => void) | undefined;
  #closed = false;
  #bytesRead = 0;
  #bytesWritten = 0;

  /**
   * @param socket any connection, for example a `Deno.Conn`; the new object owns it
   * @param options the close callback
   */
  constructor(socket: Connection, options: SocketConnectionOptions = {}) {
    this.#socket = socket;
    this.#onClose = options.onClose;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
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
    return this.#socket.read(buffer).then((count) => {
      if (count !== null) this.#bytesRead += count;
      return count;
    }, (error) => this.#fail("read from", error));
  }

  write(data: Uint8Array): Promise<number> {
    if (this.#closed) return this.#fail("write to");
    return this.#socket.write(data).then((count) => {
      this.#bytesWritten += count;
      return count;
    }, (error) => this.#fail("write to", error));
  }

  closeWrite(): Promise<void> {
    if (this.#closed) return this.#fail("half-close");
    return this.#socket.closeWrite().catch((error) =>
      this.#fail("half-close", error)
    );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#socket.close();
    } catch {
      // The platform has already closed it.
    }
    this.#onClose?.();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #fail(verb: string, error?: unknown): Promise<never> {
    const address = formatAddress(this.remoteAddr);
    if (!this.#closed) return Promise.reject(failure(error, { verb, address }));
    return Promise.reject(
      new TransportError(
        `Cannot ${verb} ${address}: the connection was closed locally`,
        { code: "closed", address, cause: error },
      ),
    );
  }
}
