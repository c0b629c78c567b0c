/**
 * The contract of every transport: connections and the listeners that accept
 * them.
 *
 * Both are structural subsets of Deno's own `Deno.Conn` and `Deno.Listener`, so
 * you can use a socket that your program already has.
 *
 * @module
 */

/**
 * The address of a socket, as its transport reports it.
 *
 * `transport` is `"tcp"`, `"unix"`, `"memory"`, `"websocket"` and so on; the
 * other fields depend on the transport. Every `Deno.Addr` is assignable to it.
 *
 * @category Connections
 */
export interface SocketAddress {
  /** Kind of transport. Listeners with TLS have `"tls"` or `"tls+unix"`. */
  readonly transport: string;
  /** Host name or IP address (`"tcp"`). */
  readonly hostname?: string;
  /** Port (`"tcp"`). */
  readonly port?: number;
  /** File system path (`"unix"`); `null` for an unnamed client socket. */
  readonly path?: string | null;
  /** Name of a listener in this process (`"memory"`), or a subject (`"nats"`). */
  readonly name?: string;
}

/**
 * A connected stream socket, with one ordered byte stream in each direction.
 *
 * Each end closes its own outgoing stream.
 *
 * | method | contract |
 * | --- | --- |
 * | `read` | reads 1 to `buffer.length` bytes into the start of the buffer; returns `null` at the end of the stream, and on every later call |
 * | `write` | writes 1 to `data.length` bytes and returns how many: **a write may be partial**, so use one writer per connection, and call `write` in a loop |
 * | `closeWrite` | half-closes: the peer reads the end of the stream, and reading continues locally |
 * | `close` | closes both directions; what was written still arrives; a pending read or write rejects |
 *
 * @category Connections
 */
export interface Connection extends Disposable {
  /** The local address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /**
   * Reads the available bytes; waits until there is at least one.
   *
   * @param buffer the destination, filled from its start
   * @returns the number of bytes read, or `null` at the end of the stream
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes at least one byte of `data`.
   *
   * @param data the bytes; do not change them until the promise settles
   * @returns the number of bytes written, counted from the start of `data`
   */
  write(data: Uint8Array): Promise<number>;
  /** Ends the outgoing stream; the incoming one stays open. */
  closeWrite(): Promise<void>;
  /** Closes both directions. */
  close(): void;
  /** Keeps the process alive while the connection is open (the default). */
  ref?(): void;
  /** Lets the process exit while the connection is open. */
  unref?(): void;
}

/**
 * A server socket that accepts a new {@linkcode Connection} for each client.
 *
 * @typeParam C type of the accepted connections
 *
 * @category Connections
 */
export interface Listener<C extends Connection = Connection>
  extends AsyncIterable<C>, Disposable {
  /** The bound address, with the assigned port. */
  readonly addr: SocketAddress;
  /** Waits for the next client. */
  accept(): Promise<C>;
  /** Stops listening; accepted connections stay open. */
  close(): void;
  /** Keeps the process alive while the listener is open (the default). */
  ref?(): void;
  /** Lets the process exit while the listener is open. */
  unref?(): void;
}
