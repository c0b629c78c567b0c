/**
 * The part of a connection that the pump needs.
 *
 * @module
 */

/**
 * A stream of bytes in each direction, such as a socket.
 *
 * Every `Connection` and every `Deno.Conn` is one; so is any object with these
 * methods, whatever its addresses are.
 *
 * @category Streams
 */
export interface ByteStream extends Disposable {
  /**
   * Reads 1 to `buffer.length` bytes into the start of the buffer.
   *
   * @returns the number of bytes read, or `null` at the end of the stream
   */
  read(buffer: Uint8Array): Promise<number | null>;
  /**
   * Writes 1 to `data.length` bytes from the start of `data`.
   *
   * @returns the number of bytes written
   */
  write(data: Uint8Array): Promise<number>;
  /** Ends the outgoing stream; the incoming one stays open. */
  closeWrite(): Promise<void>;
  /** Closes at once if the connection has been disposed and still lingers. */
  close?(): void;
  /**
   * Closes the connection after everything written has arrived. The pump does
   * this itself for a connection without this method, such as a `Deno.Conn`.
   */
  [Symbol.asyncDispose]?(): PromiseLike<void>;
}

/**
 * Returns whether a connection lingers by itself when it is closed. Those of the
 * transport layer do; `asyncDispose` waits for it.
 */
export function lingersItself(connection: ByteStream): boolean {
  return typeof connection[Symbol.asyncDispose] === "function";
}

/** Throws a `TypeError` if a method is missing. */
export function checkByteStream(connection: ByteStream): void {
  for (const name of ["read", "write", "closeWrite", Symbol.dispose] as const) {
    if (typeof connection?.[name] === "function") continue;
    throw new TypeError(
      `Cannot carry frames as the connection has no method '${
        String(name)
      }': expected a socket, or an object with read, write, closeWrite and [Symbol.dispose]`,
    );
  }
}
