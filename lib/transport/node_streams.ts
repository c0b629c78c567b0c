/**
 * Streams of Node.js as a connection: sockets, and the standard streams of a
 * process.
 *
 * The types are structural, because this module also loads where `node:` is not
 * available.
 *
 * @module
 */
import type { Connection, SocketAddress } from "./connection.ts";
import { ReceiveQueue } from "./receive_queue.ts";

/** Number of unread bytes at which reading from the stream stops. */
const RECEIVE_LIMIT = 64 * 1024;
/** Maximum number of bytes per write; bounds what the stream holds. */
const WRITE_LIMIT = 128 * 1024;

/** A listener; each event has values of its own, as in the types of Node.js. */
// deno-lint-ignore no-explicit-any -- the types of Node.js accept no other
type StreamListener = (...values: any[]) => void;

/** The part of a stream of Node.js that both directions have. */
interface NodeStream {
  /** Adds a listener. */
  on(event: string, listener: StreamListener): unknown;
  /** Adds a listener for the next event. */
  once(event: string, listener: StreamListener): unknown;
  /** Closes the stream; what it holds is lost. */
  destroy(): unknown;
  /** Keeps the process alive; files do not have it. */
  ref?(): unknown;
  /** Lets the process exit; files do not have it. */
  unref?(): unknown;
}

/** The part of a `Readable` of Node.js that a connection uses. */
export interface NodeReadable extends NodeStream {
  /** Stops the events `data`. */
  pause(): unknown;
  /** Begins or continues the events `data`. */
  resume(): unknown;
}

/** The part of a `Writable` of Node.js that a connection uses. */
export interface NodeWritable extends NodeStream {
  /** Writes bytes; the callback runs when the stream has passed them on. */
  write(
    data: Uint8Array,
    callback: (error?: Error | null) => void,
  ): unknown;
  /** Ends the stream. */
  end(callback: () => void): unknown;
}

/** A {@linkcode Connection} over streams of Node.js. */
export class NodeStreams implements Connection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  #readable: NodeReadable;
  #writable: NodeWritable;
  #received = new ReceiveQueue(() => this.#flow());
  #failure: Error | undefined;
  #finished: Promise<void> | undefined;
  /** Rejects writes in progress, which Bun leaves pending when a pipe closes. */
  readonly #writes = new Set<(error: Error) => void>();

  /**
   * @param readable incoming bytes; paused, and with `allowHalfOpen` if it is a
   * socket
   * @param writable outgoing bytes; may be the same object
   * @param addresses both ends
   */
  constructor(
    readable: NodeReadable,
    writable: NodeWritable,
    addresses: { localAddr: SocketAddress; remoteAddr: SocketAddress },
  ) {
    this.localAddr = addresses.localAddr;
    this.remoteAddr = addresses.remoteAddr;
    this.#readable = readable;
    this.#writable = writable;
    readable.on("data", (chunk: Uint8Array) => {
      this.#received.push(chunk);
      this.#flow();
    });
    readable.once("end", () => this.#received.end());
    readable.on("error", (error: Error) => this.#received.fail(error));
    readable.once("close", () => this.#received.fail(gone()));
    // Bytes that the peer has sent can still be read if it no longer reads.
    writable.on("error", (error: Error) => this.#failure ??= error);
    writable.once("close", () => this.#failure ??= gone());
    this.#flow();
  }

  ref(): void {
    for (const stream of this.#streams) stream.ref?.();
  }

  unref(): void {
    for (const stream of this.#streams) stream.unref?.();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  write(data: Uint8Array): Promise<number> {
    // First, as a socket closes by itself once both directions have ended.
    if (this.#finished !== undefined) {
      return Promise.reject(named("BrokenPipe", "write after closeWrite"));
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (data.length === 0) return Promise.resolve(0);
    const part = data.subarray(0, WRITE_LIMIT);
    return new Promise((resolve, reject) => {
      this.#writes.add(reject);
      this.#writable.write(part, (error) => {
        this.#writes.delete(reject);
        if (error) reject(this.#failure ?? error);
        else resolve(part.length);
      });
    });
  }

  closeWrite(): Promise<void> {
    if (this.#finished !== undefined) return this.#finished;
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#finished = new Promise((resolve, reject) => {
      // The Node.js types lack the callback's error parameter.
      this.#writable.end((error?: Error | null) => {
        if (error) reject(this.#failure ?? error);
        else resolve();
      });
    });
    return this.#finished;
  }

  close(): void {
    this.#failure ??= closed();
    this.#received.fail(closed());
    for (const stream of this.#streams) stream.destroy();
    for (const reject of this.#writes) reject(closed());
    this.#writes.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Both streams, or the one that is both. */
  get #streams(): Iterable<NodeStream> {
    return new Set([this.#readable, this.#writable]);
  }

  /** Receives while there is room for unread bytes. */
  #flow(): void {
    if (this.#received.held < RECEIVE_LIMIT) this.#readable.resume();
    else this.#readable.pause();
  }
}

function closed(): Error {
  return named("Interrupted", "closed locally");
}

/** Returns the error of a peer that has closed its stream. */
function gone(): Error {
  // Node.js closes the input of a child that has exited without an error.
  return named("ConnectionReset", "the other end has closed its stream");
}

/** Returns an error with the name that Deno uses for its kind. */
function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
