/**
 * Connections over streams: web streams, those of a child process, and those of
 * this process.
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import { requirePlatform } from "./current_platform.ts";
import {
  type NodeReadable,
  NodeStreams,
  type NodeWritable,
} from "./node_streams.ts";
import type { SocketConnection } from "./socket_connection.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "./socket_connection_impl.ts";

/** The addresses at both ends, as streams have none. */
const STREAMS: SocketAddress = { transport: "streams" };
const CHILD: SocketAddress = { transport: "child-process" };
const STDIO: SocketAddress = { transport: "stdio" };

/**
 * Returns a connection over two streams: web streams, or those of a process.
 *
 * | streams | peer |
 * | --- | --- |
 * | a child process | the child, whose standard input and output are piped |
 * | `"stdio"` | the process that started this one, over standard input and output |
 * | `{ readable, writable }` | the other end of two web streams of byte arrays |
 *
 * Language servers and plugins communicate over standard input and output. These
 * then belong to the connection, so let other output go to standard error, for
 * example with `console.log = console.error`. Closing the connection ends the
 * outgoing stream and cancels the incoming one; the input of a child ends, upon
 * which most programs exit. It neither kills a child nor waits for it.
 *
 * A child may be a `Deno.ChildProcess`, or a `ChildProcess` of
 * `node:child_process`. In Node.js and Bun, call `useNodeSockets()` of
 * `@lengthwise/lengthwise/node` before using `"stdio"`; their standard output ends
 * only when the process does.
 *
 * @example Talk to a child process
 * ```ts
 * import { streamConnection } from "@lengthwise/lengthwise/transport";
 * import { frames, lines } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" })
 *   .spawn();
 * await using stream = frames(streamConnection(child), lines());
 * await stream.send(new TextEncoder().encode("hello"));
 * await stream.closeWrite(); // the program's input ends
 * for await (const line of stream) {
 *   assertEquals(new TextDecoder().decode(line), "hello");
 * }
 * assertEquals((await child.status).code, 0);
 * ```
 *
 * @example Call a child process, which serves its parent
 * ```ts ignore
 * // main.ts
 * await using session = await connect(Spelling, streamConnection(child));
 *
 * // child.ts
 * console.log = console.error;
 * const server = createServer(Spelling).handle({ check: (text) => [] });
 * await server.accept(streamConnection("stdio")); // until the session ends
 * ```
 *
 * @param streams the streams, which the connection locks and owns
 * @returns the connection; the transport of its addresses is `"streams"`,
 * `"child-process"` or `"stdio"`
 * @throws {TypeError} if a stream is locked, or a child's is not piped
 * @throws {TransportError} with code `"unsupported"` if the runtime has no
 * standard streams
 *
 * @category Connections
 */
export function streamConnection(
  streams: "stdio" | {
    /** Incoming bytes. */
    readonly readable: ReadableStream<Uint8Array>;
    /** Outgoing bytes. */
    readonly writable: WritableStream<Uint8Array>;
  } | {
    /** Standard input of a child; a web stream, or one of Node.js. */
    readonly stdin:
      | WritableStream<Uint8Array<ArrayBuffer>>
      | { write(data: Uint8Array, callback: () => void): unknown }
      | null;
    /** Standard output of a child; a web stream, or one of Node.js. */
    readonly stdout:
      | ReadableStream<Uint8Array>
      | { pause(): unknown; resume(): unknown }
      | null;
  },
): SocketConnection {
  return new SocketConnectionImpl(lowerConnection(streams));
}

function lowerConnection(
  streams: Parameters<typeof streamConnection>[0],
): LowerConnection {
  if (streams === "stdio") {
    const context = { verb: "use", address: "stdio" };
    return requirePlatform(context).stdio(STDIO);
  }
  if ("readable" in streams) {
    return new StreamSocket(streams.readable, streams.writable, STREAMS);
  }
  const { stdin, stdout } = streams;
  if (isNodeStream<NodeWritable>(stdin) && isNodeStream<NodeReadable>(stdout)) {
    const addresses = { localAddr: CHILD, remoteAddr: CHILD };
    return new NodeStreams(stdout, stdin, addresses);
  }
  if (stdin instanceof WritableStream && stdout instanceof ReadableStream) {
    return new StreamSocket(stdout, stdin, CHILD);
  }
  throw new TypeError(
    "Cannot use the streams of the child process: stdin and stdout must be piped",
  );
}

function isNodeStream<S extends NodeReadable | NodeWritable>(
  stream: object | null,
): stream is S {
  return stream !== null && "on" in stream && "destroy" in stream;
}

/** A connection over two web streams. */
class StreamSocket implements LowerConnection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  /** The part of the last chunk that has not been read. */
  #left: Uint8Array = new Uint8Array(0);
  /** Settles after the last call to `read`; each waits for the one before it. */
  #reading: Promise<unknown> = Promise.resolve();
  /** Rejects writes in progress, which the stream may leave pending. */
  readonly #writes = new Set<(error: Error) => void>();
  #finished: Promise<void> | undefined;

  /**
   * @param readable incoming bytes, which it locks
   * @param writable outgoing bytes, which it locks
   * @param addr the address of both ends
   */
  constructor(
    readable: ReadableStream<Uint8Array>,
    writable: WritableStream<Uint8Array>,
    addr: SocketAddress,
  ) {
    this.localAddr = addr;
    this.remoteAddr = addr;
    // Nothing stays locked if the connection cannot be made.
    if (writable.locked) {
      throw new TypeError("Cannot use the streams: the writable one is locked");
    }
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
      if (!(value instanceof Uint8Array)) {
        throw new TypeError(
          `a chunk must be a Uint8Array: current value is of type ${typeof value}`,
        );
      }
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
    this.#writer.write(new Uint8Array(data))
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
