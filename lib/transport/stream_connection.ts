/**
 * Connections over web streams, such as those of a child process.
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import type { SocketConnection } from "./socket_connection.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "./socket_connection_impl.ts";
import type { ConnectionStreams } from "./web_streams.ts";

/** The address at both ends, as web streams have none. */
const ADDRESS: SocketAddress = { transport: "streams" };

/**
 * Returns a connection that reads and writes two web streams.
 *
 * Use it to carry frames over the standard streams of a child process, over
 * those of this program, or over any other pair of streams. Closing the
 * connection closes `writable` and cancels `readable`. The streams must carry
 * byte arrays, and the connection locks them.
 *
 * @example Talk to a child process
 * ```ts
 * import { streamConnection } from "@lengthwise/lengthwise/transport";
 * import { frames, lines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" })
 *   .spawn();
 * const connection = streamConnection({
 *   readable: child.stdout,
 *   writable: child.stdin,
 * });
 * await using stream = frames(connection, lines());
 * await stream.send(new TextEncoder().encode("hello"));
 * await stream.closeWrite(); // the program's input ends
 * for await (const line of stream) {
 *   assertEquals(new TextDecoder().decode(line), "hello");
 * }
 * assertEquals((await child.status).code, 0);
 * ```
 *
 * @example Answer on the standard streams of this program
 * ```ts ignore
 * const stdio = streamConnection({
 *   readable: Deno.stdin.readable,
 *   writable: Deno.stdout.writable,
 * });
 * ```
 *
 * @param streams the incoming and the outgoing stream
 * @returns the connection; the transport of its addresses is `"streams"`
 * @throws {TypeError} if a stream is locked
 *
 * @category Connections
 */
export function streamConnection(
  { readable, writable }: {
    readonly readable: ReadableStream<Uint8Array>;
    readonly writable: ConnectionStreams["writable"];
  },
): SocketConnection {
  return new SocketConnectionImpl(new StreamSocket(readable, writable));
}

class StreamSocket implements LowerConnection {
  readonly localAddr = ADDRESS;
  readonly remoteAddr = ADDRESS;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The part of the last chunk that has not been read. */
  #left: Uint8Array = new Uint8Array(0);
  /** Settles after the last call to `read`; each waits for the one before it. */
  #reading: Promise<unknown> = Promise.resolve();
  /** Rejects writes in progress, which the stream may leave pending. */
  readonly #writes = new Set<(error: Error) => void>();
  #finished: Promise<void> | undefined;

  constructor(
    readable: ReadableStream<Uint8Array>,
    writable: WritableStream<Uint8Array>,
  ) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const read = this.#reading.then(() => this.#read(buffer));
    this.#reading = read.catch(() => {});
    return read;
  }

  async #read(buffer: Uint8Array): Promise<number | null> {
    if (buffer.length === 0) return 0;
    while (this.#left.length === 0) {
      const { done, value } = await this.#reader.read();
      if (done) return null;
      this.#left = value;
    }
    const count = Math.min(buffer.length, this.#left.length);
    buffer.set(this.#left.subarray(0, count));
    this.#left = this.#left.subarray(count);
    return count;
  }

  write(data: Uint8Array): Promise<number> {
    if (data.length === 0) return Promise.resolve(0);
    if (this.#finished !== undefined) {
      return Promise.reject(named("Interrupted", "write after closeWrite"));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#writes.add(reject);
    // The stream may keep the chunk after the write, as a TransformStream does.
    this.#writer.write(data.slice())
      .then(() => resolve(data.length), reject)
      .finally(() => this.#writes.delete(reject));
    return promise;
  }

  closeWrite(): Promise<void> {
    return this.#finished ??= this.#writer.close();
  }

  close(): void {
    const reason = named("ConnectionReset", "the other end closed its streams");
    const orderly = this.#finished === undefined && this.#writes.size === 0;
    for (const reject of this.#writes) reject(reason);
    // Each rejects if its stream has failed before.
    this.#reader.cancel(reason).catch(() => {});
    if (orderly) this.closeWrite().catch(() => {});
    else this.#writer.abort(reason).catch(() => {});
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Returns an error with the name that Deno uses for its kind. */
function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
