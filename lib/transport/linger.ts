/**
 * Closing a socket without destroying what was written.
 *
 * Closing a socket whose input is unread, or that receives more input after it
 * has closed, resets the connection. A reset discards the bytes that the peer
 * has not read yet (RFC 9112, 9.6).
 *
 * @module
 */
import type { Connection } from "./connection.ts";

/** Milliseconds that a closed socket waits for the peer's end. */
export const LINGER_TIME = 1_000;
/** Number of bytes that a closed socket receives and discards. */
export const LINGER_BYTES: number = 256 * 1024;
/** Buffer size for discarded input, in bytes. */
const BUFFER = 16 * 1024;

/**
 * Half-closes a socket and discards its input.
 *
 * @param socket the socket, which the caller then closes
 * @returns a promise that resolves when the peer has ended its stream, or a
 * limit is reached; it never rejects
 */
export function linger(socket: Connection): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LINGER_TIME);
  void discardInput(socket).finally(() => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}

async function discardInput(socket: Connection): Promise<void> {
  try {
    await socket.closeWrite();
    const buffer = new Uint8Array(BUFFER);
    for (let left = LINGER_BYTES; left > 0;) {
      const count = await socket.read(buffer);
      if (count === null) return;
      left -= count;
    }
  } catch {
    // The peer has reset the connection, or the socket has been closed.
  }
}

/**
 * Closes a connection immediately, even if bytes that were written are lost.
 *
 * It never throws: signals and timers call it, and an exception that no code can
 * catch would end the process.
 *
 * @param connection any connection, open or closed
 */
export function destroy(connection: Connection): void {
  try {
    connection[Symbol.dispose]();
    // A second call ends the lingering of a SocketConnection. A Deno.Conn
    // throws, because it is closed already.
    connection.close();
  } catch {
    // The connection is closed, or a custom one is faulty.
  }
}
