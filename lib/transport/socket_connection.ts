/**
 * The connection that `listen` and `connect` hand out.
 *
 * @module
 */
import { failure } from "./failure.ts";
import { formatAddress } from "./address.ts";
import type { Connection, SocketAddress } from "./connection.ts";
import { TransportError } from "./errors.ts";

/** Options of {@linkcode SocketConnection}. */
export interface SocketConnectionOptions {
  /** Called once, when this side closes. */
  onClose?: () => void;
}

/**
 * A connected socket with its rough edges taken off: closing twice is harmless,
 * whatever goes wrong is a {@linkcode TransportError}, and bytes are counted.
 * It holds no buffer and adds no copy.
 *
 * @example Harden a socket that the program opened itself
 * ```ts
 * import { SocketConnection } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const [accepted, dialled] = await Promise.all([
 *   listener.accept(),
 *   Deno.connect({ port: listener.addr.port }),
 * ]);
 * using server = new SocketConnection(accepted);
 * using client = new SocketConnection(dialled);
 * await client.write(new Uint8Array([1, 2, 3]));
 * await server.read(new Uint8Array(16));
 * assertEquals(server.bytesRead, 3);
 * client.close();
 * client.close();
 * ```
 */
export class SocketConnection implements Connection {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  #socket: Connection;
  #onClose: (() => void) | undefined;
  #closed = false;
  #bytesRead = 0;
  #bytesWritten = 0;

  /**
   * Hardens a socket.
   *
   * @param socket any connection, a `Deno.Conn` for one; it belongs to this object from now on
   * @param options what to call at the end
   */
  constructor(socket: Connection, options: SocketConnectionOptions = {}) {
    this.#socket = socket;
    this.#onClose = options.onClose;
    this.localAddr = socket.localAddr;
    this.remoteAddr = socket.remoteAddr;
  }

  /** Bytes read so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Bytes the socket has taken so far. */
  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  /** Whether this side has closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Reads what is there, waiting until at least one byte is.
   *
   * @param buffer where the bytes go, from its start
   * @returns how many bytes were read, or `null` at the end of the stream
   * @throws {TransportError} of kind `"closed"`, `"reset"`, `"truncated"` or `"tls"`
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (this.#closed) return this.#fail("read from");
    // Not `async`: this is the hot path, and `then` costs half as much.
    return this.#socket.read(buffer).then((count) => {
      if (count !== null) this.#bytesRead += count;
      return count;
    }, (error) => this.#fail("read from", error));
  }

  /**
   * Writes at least one byte of `data`.
   *
   * @param data the bytes; they must not change until the promise settles
   * @returns how many bytes were taken, from the front
   * @throws {TransportError} of kind `"closed"`, `"reset"` or `"tls"`
   */
  write(data: Uint8Array): Promise<number> {
    if (this.#closed) return this.#fail("write to");
    return this.#socket.write(data).then((count) => {
      this.#bytesWritten += count;
      return count;
    }, (error) => this.#fail("write to", error));
  }

  /**
   * Ends this side's stream; the other direction stays open.
   *
   * @throws {TransportError} of kind `"closed"` or `"reset"`
   */
  closeWrite(): Promise<void> {
    if (this.#closed) return this.#fail("half-close");
    return this.#socket.closeWrite().catch((error) =>
      this.#fail("half-close", error)
    );
  }

  /** Closes both directions; a second call does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#socket.close();
    } catch {
      // The platform had closed it already: what was asked for has been done.
    }
    this.#onClose?.();
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  #fail(verb: string, error?: unknown): Promise<never> {
    const address = formatAddress(this.remoteAddr);
    if (!this.#closed) return Promise.reject(failure(error, { verb, address }));
    return Promise.reject(
      new TransportError(
        `Cannot ${verb} ${address}: this side has closed the connection`,
        { kind: "closed", address, cause: error },
      ),
    );
  }
}
