/**
 * A connected socket of `node:net` as a connection.
 *
 * @module
 */
import type { Socket } from "node:net";
import type { Connection, SocketAddress } from "../transport/connection.ts";
import { ReceiveQueue } from "../transport/receive_queue.ts";

/** Number of unread bytes at which reading from the socket stops. */
const RECEIVE_LIMIT = 64 * 1024;
/** Maximum number of bytes per write; bounds what the stream holds. */
const WRITE_LIMIT = 128 * 1024;

/** A {@linkcode Connection} over a socket of `node:net`. */
export class NodeSocket implements Connection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  #socket: Socket;
  #received = new ReceiveQueue(() => this.#flow());
  #failure: Error | undefined;
  #finished: Promise<void> | undefined;

  /**
   * @param socket a connected and paused socket with `allowHalfOpen`
   * @param addresses both ends
   */
  constructor(
    socket: Socket,
    addresses: { localAddr: SocketAddress; remoteAddr: SocketAddress },
  ) {
    this.localAddr = addresses.localAddr;
    this.remoteAddr = addresses.remoteAddr;
    this.#socket = socket;
    socket.on("data", (chunk: Uint8Array) => {
      this.#received.push(chunk);
      this.#flow();
    });
    socket.once("end", () => this.#received.end());
    socket.on("error", (error) => this.#fail(error));
    socket.once("close", () => this.#fail(closed()));
    this.#flow();
  }

  ref(): void {
    this.#socket.ref();
  }

  unref(): void {
    this.#socket.unref();
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  write(data: Uint8Array): Promise<number> {
    // First, as the socket closes by itself once both directions have ended.
    if (this.#finished !== undefined) {
      return Promise.reject(named("BrokenPipe", "write after closeWrite"));
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (data.length === 0) return Promise.resolve(0);
    const part = data.subarray(0, WRITE_LIMIT);
    return new Promise((resolve, reject) => {
      this.#socket.write(part, (error) => {
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
      this.#socket.end((error?: Error | null) => {
        if (error) reject(this.#failure ?? error);
        else resolve();
      });
    });
    return this.#finished;
  }

  close(): void {
    this.#fail(closed());
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Receives while there is room for unread bytes. */
  #flow(): void {
    if (this.#received.held < RECEIVE_LIMIT) this.#socket.resume();
    else this.#socket.pause();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#received.fail(error);
  }
}

function closed(): Error {
  return named("Interrupted", "closed locally");
}

/** Returns an error with the name that Deno uses for its kind. */
function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
