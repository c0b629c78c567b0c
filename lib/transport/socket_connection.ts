/**
 * The connection that `listen` and `connect` return.
 *
 * @module
 */
import type { Connection } from "./connection.ts";
import type { ConnectionInfo } from "./connection_info.ts";

/**
 * A connected socket that reports every failure as a `TransportError`.
 *
 * It also counts the bytes in both directions, and closes without losing what
 * was written. Over TCP and Unix sockets, it adds no buffer and no copy. All
 * connections from `connect` and `listen` implement this interface.
 *
 * @example Count the bytes of a connection
 * ```ts
 * import { connect, listen, type SocketConnection } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * function traffic(connection: SocketConnection): number {
 *   return connection.bytesRead + connection.bytesWritten;
 * }
 *
 * await using listener = await listen({ port: 0 });
 * const accepted = listener.accept();
 * using client = await connect(listener.addr);
 * using server = await accepted;
 *
 * await client.write(new Uint8Array([1, 2, 3]));
 * await server.read(new Uint8Array(16));
 * assertEquals(traffic(server), 3);
 * client.close();
 * assertEquals(client.closed, true);
 * ```
 *
 * @category Connections
 */
export interface SocketConnection extends Connection, AsyncDisposable {
  /** Addresses, and what is known about the peer. */
  readonly info: ConnectionInfo;
  /** Number of bytes read so far. */
  readonly bytesRead: number;
  /** Number of bytes that the socket has accepted so far. */
  readonly bytesWritten: number;
  /** Whether the connection was closed locally. */
  readonly closed: boolean;
  /**
   * Reads the available bytes; waits until there is at least one.
   *
   * @param buffer the destination, filled from its start
   * @returns the number of bytes read, or `null` at the end of the stream
   * @throws {TransportError} with code `"closed"`, `"reset"`, `"truncated"` or `"tls"`
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes at least one byte of `data`.
   *
   * @param data the bytes; do not change them until the promise settles
   * @returns the number of bytes written, counted from the start of `data`
   * @throws {TransportError} with code `"closed"`, `"reset"` or `"tls"`
   */
  write(data: Uint8Array): Promise<number>;
  /**
   * Ends the outgoing stream; the incoming one stays open.
   *
   * @throws {TransportError} with code `"closed"` or `"reset"`
   */
  closeWrite(): Promise<void>;
  /**
   * Closes both directions; everything written still arrives.
   *
   * Later calls fail, and so do pending ones, over TCP and Unix sockets at the
   * latest when the socket is released. The socket lingers in the background:
   * it ends the outgoing stream and discards input until the peer ends its own
   * stream, for at most 1 s and 256 KiB. A second call releases the socket
   * immediately, which may destroy bytes that the peer has not read yet.
   */
  close(): void;
  /** Closes the connection as `close` does; a second call does nothing. */
  [Symbol.dispose](): void;
  /** Closes the connection and waits until its socket is released. */
  [Symbol.asyncDispose](): Promise<void>;
}
