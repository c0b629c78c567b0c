/**
 * Closing a connection without destroying what was written.
 *
 * Closing a socket whose input is unread, or that receives more input after it
 * has closed, resets the connection. A reset discards the bytes that the peer
 * has not read yet (RFC 9112, 9.6).
 *
 * @module
 */
import { acquire, release } from "./buffer_pool.ts";
import type { ByteStream } from "./byte_stream.ts";

/** Milliseconds that a closed connection waits for the peer's end. */
const LINGER_TIME = 1_000;
/** Number of bytes that a closed connection receives and discards. */
const LINGER_BYTES = 256 * 1024;
const BUFFER = 16 * 1024;

/** A connection that is being closed. */
export interface Closing {
  /** The connection, which the caller closes afterwards. */
  readonly connection: ByteStream;
  /** The half-close in progress, if any; it may fail. */
  readonly halfClose: Promise<void> | undefined;
  /** The read in progress, if any; its bytes are discarded. */
  readonly read: Promise<number | null> | undefined;
}

/**
 * Returns whether a connection lingers by itself when it is closed. Those of the
 * transport layer do; `asyncDispose` waits for it.
 */
export function lingersItself(connection: ByteStream): boolean {
  return typeof connection[Symbol.asyncDispose] === "function";
}

/**
 * Half-closes a connection and discards its input.
 *
 * @returns a promise that resolves when the peer has ended its stream, or a
 * limit is reached; it never rejects
 */
export function linger(closing: Closing): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LINGER_TIME);
  void discardInput(closing).finally(() => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}

async function discardInput(
  { connection, halfClose, read }: Closing,
): Promise<void> {
  try {
    // A half-close that waited for unsent bytes fails when they are dropped.
    await (halfClose ?? Promise.reject()).catch(() => connection.closeWrite());
    let left = LINGER_BYTES;
    let count = await read;
    const buffer = acquire(BUFFER);
    while (count !== null && (left -= count ?? 0) > 0) {
      count = await connection.read(buffer);
    }
    release(buffer); // not after an error: the read may still write into it
  } catch {
    // The peer has reset the connection, or it has been closed.
  }
}
