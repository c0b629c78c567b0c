/**
 * Closing a socket without destroying what was written.
 *
 * Closing a socket whose input is unread, or that receives more input after it
 * has closed, resets the connection. A reset discards the bytes that the peer
 * has not read yet (RFC 9112, 9.6).
 *
 * @module
 */

/** Milliseconds that a closed socket waits for the peer's end. */
export const LINGER_TIME = 1_000;
/** Number of bytes that a closed socket receives and discards. */
export const LINGER_BYTES: number = 256 * 1024;
/** Maximum number of times that a peer that reads extends the wait. */
const EXTENSIONS = 30;
/** Buffer sizes for discarded input, in bytes; most peers send nothing more. */
const FIRST_BUFFER = 512, BUFFER = 16 * 1024;

/** The part of a socket that lingering requires. */
export interface LingeringSocket {
  /** Reads into the buffer; returns the number of bytes, or `null` at the end. */
  read(buffer: Uint8Array): Promise<number | null>;
  /** Ends the outgoing stream. */
  closeWrite(): Promise<void>;
}

/** Operations in progress when a socket is closed. */
export interface InProgress {
  /** The half-close, which may fail. */
  readonly halfClose?: Promise<void> | undefined;
  /** The read, whose bytes are discarded. */
  readonly read?: Promise<number | null> | undefined;
}

/**
 * Half-closes a socket and discards its input.
 *
 * @param socket the socket, which the caller then closes
 * @param inProgress what the socket has begun
 * @returns a promise that resolves when the peer has ended its stream, or a
 * limit is reached; it never rejects
 */
export function linger(
  socket: LingeringSocket,
  inProgress: InProgress = {},
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, LINGER_TIME);
  void discardInput(socket, inProgress).finally(() => {
    clearTimeout(timer);
    resolve();
  });
  return promise;
}

async function discardInput(
  socket: LingeringSocket,
  { halfClose, read }: InProgress,
): Promise<void> {
  try {
    // A half-close that waited for unsent bytes fails when they are dropped.
    await (halfClose ?? Promise.reject()).catch(() => socket.closeWrite());
    let left = LINGER_BYTES;
    let count = await read;
    let buffer: Uint8Array | undefined;
    while (count !== null && (left -= count ?? 0) > 0) {
      if (buffer === undefined) buffer = new Uint8Array(FIRST_BUFFER);
      else if (buffer.length < BUFFER) buffer = new Uint8Array(BUFFER);
      count = await socket.read(buffer);
    }
  } catch {
    // The peer has reset the connection, or the socket has been closed.
  }
}

/**
 * Waits for a peer as long as it reads what was written.
 *
 * @param taken returns a number that grows while the peer reads
 * @param expired called after `LINGER_TIME` without growth, or after 31 s
 * @returns a function that ends the waiting
 */
export function awaitPeer(
  taken: () => number,
  expired: () => void,
): () => void {
  let timer: ReturnType<typeof setTimeout>;
  let extensions = 0;
  function wait(): void {
    const before = taken();
    timer = setTimeout(() => {
      if (extensions++ < EXTENSIONS && taken() > before) wait();
      else expired();
    }, LINGER_TIME);
  }
  wait();
  return () => clearTimeout(timer);
}
