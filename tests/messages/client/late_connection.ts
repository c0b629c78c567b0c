/**
 * A connection whose incoming bytes are late, and which still delivers them after
 * it was closed, as no network should.
 *
 * @module
 */
import type {
  Connection,
  Listener,
  SocketAddress,
} from "../../../lib/transport/connection.ts";

/** A connection that can hold its incoming bytes back. */
export class LateConnection implements Connection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  /** Number of bytes that were read after the connection was closed. */
  late = 0;
  /** Whether writes fail. */
  writesFail = false;
  readonly #inner: Connection;
  readonly #chunks: Uint8Array[] = [];
  #end: { readonly error?: unknown } | undefined = undefined;
  #held = false;
  #closed = false;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /** @param inner the connection that carries the bytes */
  constructor(inner: Connection) {
    this.#inner = inner;
    this.localAddr = inner.localAddr;
    this.remoteAddr = inner.remoteAddr;
    this.#receive();
  }

  /** Holds incoming bytes back, or delivers them. */
  hold(held: boolean): void {
    this.#held = held;
    this.#change();
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (;;) {
        const count = await this.#inner.read(buffer);
        if (count === null) break;
        this.#chunks.push(buffer.slice(0, count));
        this.#change();
      }
      this.#end = {};
    } catch (error) {
      this.#end = { error };
    }
    this.#change();
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    while (
      this.#held || this.#chunks.length === 0 && this.#end === undefined
    ) await this.#changed.promise;
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      if (this.#end?.error !== undefined) throw this.#end.error;
      return null;
    }
    const count = Math.min(chunk.length, buffer.length);
    buffer.set(chunk.subarray(0, count));
    if (count < chunk.length) this.#chunks.unshift(chunk.subarray(count));
    if (this.#closed) this.late += count;
    return count;
  }

  write(data: Uint8Array): Promise<number> {
    return this.writesFail
      ? Promise.reject(new Error("the network is unreachable"))
      : this.#inner.write(data);
  }

  closeWrite(): Promise<void> {
    return this.#inner.closeWrite();
  }

  close(): void {
    this.#closed = true;
    this.#inner.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Returns a listener whose connections can be late. */
export function lateListener(
  inner: Listener,
  onConnection: (connection: LateConnection) => void,
): Listener {
  const accept = async () => {
    const connection = new LateConnection(await inner.accept());
    onConnection(connection);
    return connection;
  };
  return {
    addr: inner.addr,
    accept,
    close: () => inner.close(),
    [Symbol.dispose]: () => inner.close(),
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) yield await accept();
      } catch {
        // The listener was closed.
      }
    },
  };
}
