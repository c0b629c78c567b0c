/**
 * Closing a connection immediately.
 *
 * @module
 */
import type { Connection } from "./connection.ts";

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
