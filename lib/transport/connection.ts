/**
 * What every transport hands out: connected sockets and the listeners that
 * make them. Both are structural subsets of Deno's own `Deno.Conn` and
 * `Deno.Listener`, so that a socket which a program already holds fits as it
 * is.
 *
 * @module
 */

/**
 * Where a socket is bound or connected to, as the transport reports it.
 * `transport` is `"tcp"`, `"unix"`, `"memory"`, `"websocket"`, …; the other
 * fields are there where the transport has them. Every `Deno.Addr` fits.
 */
export interface SocketAddress {
  /** Kind of transport. */
  readonly transport: string;
  /** Host name or IP address (`"tcp"`). */
  readonly hostname?: string;
  /** Port (`"tcp"`). */
  readonly port?: number;
  /** File system path (`"unix"`); `null` for an unnamed client socket. */
  readonly path?: string | null;
  /** Name of a listener inside this process (`"memory"`). */
  readonly name?: string;
}

/**
 * A connected stream socket: bytes in order, in both directions, until each
 * side ends its own.
 *
 * | call | contract |
 * | --- | --- |
 * | `read` | fills the front of the buffer with 1 to `buffer.length` bytes; `null` at the end of the stream, again and again |
 * | `write` | takes 1 to `data.length` bytes and says how many: **it may be partial**, so one writer per connection loops |
 * | `closeWrite` | half-close: the peer reads its end of stream, this side goes on reading |
 * | `close` | both directions at once; a pending read or write rejects |
 */
export interface Connection extends Disposable {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /**
   * Reads what is there, waiting until at least one byte is.
   *
   * @param buffer where the bytes go, from its start
   * @returns how many bytes were read, or `null` at the end of the stream
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes at least one byte of `data`.
   *
   * @param data the bytes; they must not change until the promise settles
   * @returns how many bytes were taken, from the front
   */
  write(data: Uint8Array): Promise<number>;
  /** Ends this side's stream; the other direction stays open. */
  closeWrite(): Promise<void>;
  /** Closes both directions. */
  close(): void;
}

/**
 * A server socket: bound, listening, and handing out a new
 * {@linkcode Connection} for each client.
 */
export interface Listener<C extends Connection = Connection>
  extends AsyncIterable<C>, Disposable {
  /** The address it is bound to, with the port that was assigned. */
  readonly addr: SocketAddress;
  /** Waits for the next client. */
  accept(): Promise<C>;
  /** Stops listening; accepted connections live on. */
  close(): void;
  /** Keeps the process alive while it listens, as it does from the start; for listeners that can do both. */
  ref?(): void;
  /** Lets the process end although it listens. */
  unref?(): void;
}
