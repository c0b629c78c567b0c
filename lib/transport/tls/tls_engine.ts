/**
 * TLS over any {@linkcode Connection}, with `node:tls`.
 *
 * Deno's own TLS cannot disable Nagle's algorithm in a server, require client
 * certificates, present a client certificate on a socket that is already
 * connected, or run over anything but TCP.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { ReceiveQueue } from "../receive_queue.ts";
import { type BridgeModules, NodeStreamBridge } from "./node_stream_bridge.ts";
import type { Connection, SocketAddress } from "../connection.ts";
import { awaitPeer, LINGER_BYTES } from "../../support/linger.ts";
import type { LowerConnection } from "../socket_connection_impl.ts";

/** Number of unread decrypted bytes at which reading from the socket stops. */
const RECEIVE_LIMIT = 64 * 1024;
/** Maximum number of bytes per write; bounds the encrypted data in memory. */
const WRITE_LIMIT = 128 * 1024;

/** A {@linkcode TlsEngine} whose handshake is in progress. */
export class PendingTlsEngine {
  /** The stream below `node:tls`. */
  readonly bridge: NodeStreamBridge;
  #raw: Connection;
  #received = new ReceiveQueue(() => {
    if (this.#received.held < RECEIVE_LIMIT) this.bridge.pull();
  });

  /**
   * @param modules the `node:` exports
   * @param raw the socket; the new object owns it
   */
  constructor(modules: BridgeModules, raw: Connection) {
    this.#raw = raw;
    const full = () => this.#received.held >= RECEIVE_LIMIT;
    this.bridge = new NodeStreamBridge(modules, raw, full);
  }

  /**
   * Returns the engine.
   *
   * Callers must call this method in the turn in which the handshake completes.
   *
   * @param socket the socket after its handshake
   * @param requireCloseNotify whether an end without close_notify is an error
   */
  secured(socket: TLSSocket, requireCloseNotify: boolean): TlsEngine {
    return new TlsEngine(socket, {
      requireCloseNotify,
      bridge: this.bridge,
      received: this.#received,
      localAddr: this.#raw.localAddr,
      remoteAddr: this.#raw.remoteAddr,
    });
  }
}

interface EngineParts {
  requireCloseNotify: boolean;
  bridge: NodeStreamBridge;
  received: ReceiveQueue;
  localAddr: SocketAddress;
  remoteAddr: SocketAddress;
}

/** One end of a TLS connection after its handshake. */
export class TlsEngine implements LowerConnection {
  /** The local address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /** The encrypted stream of `node:tls`. */
  readonly socket: TLSSocket;
  #bridge: NodeStreamBridge;
  #received: ReceiveQueue;
  #requireCloseNotify: boolean;
  #destroy: (error?: Error) => void;
  #closed = false;
  /** Number of bytes received since `linger` was called. */
  #discarded = 0;
  #failure: Error | undefined;
  #finished: Promise<void> | undefined;
  #stopWaiting: (() => void) | undefined;

  /**
   * @param socket the encrypted stream of `node:tls`
   * @param parts the layers below it
   */
  constructor(socket: TLSSocket, parts: EngineParts) {
    this.socket = socket;
    this.localAddr = parts.localAddr;
    this.remoteAddr = parts.remoteAddr;
    this.#bridge = parts.bridge;
    this.#received = parts.received;
    this.#requireCloseNotify = parts.requireCloseNotify;
    this.#destroy = socket.destroy.bind(socket);
    // When both directions have ended, the stream destroys itself and would drop
    // the records that wait for the socket, including the final close_notify.
    socket.destroy = (error) => {
      if (error) this.#destroy(error);
      else void this.#bridge.idle().then(() => this.#destroy());
      return socket;
    };
    socket.on("data", (chunk: Uint8Array) => this.#take(chunk));
    socket.once("end", () => this.#end());
    socket.on("error", (error) => this.#fail(this.#reason(error)));
    socket.once("close", () => {
      this.#fail(this.#reason(truncated()));
    });
    parts.bridge.stream.once("close", () => this.#stopWaiting?.());
  }

  ref(): void {
    this.#bridge.ref();
  }

  unref(): void {
    this.#bridge.unref();
  }

  /** Reads the available bytes; waits until there is at least one. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  /** Writes up to 128 KiB; resolves when the socket has accepted the records. */
  write(data: Uint8Array): Promise<number> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (data.length === 0) return Promise.resolve(0);
    if (this.#finished !== undefined) {
      return Promise.reject(named("Interrupted", "write after closeWrite"));
    }
    const part = data.subarray(0, WRITE_LIMIT);
    return new Promise((resolve, reject) => {
      this.socket.write(part, (error) => {
        if (error) reject(this.#reason(error));
        else resolve(part.length);
      });
    });
  }

  /** Sends close_notify. */
  closeWrite(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#finished ??= new Promise((resolve, reject) => {
      // The Node.js types lack the callback's error parameter.
      this.socket.end((error?: Error | null) => {
        if (error) reject(this.#reason(error));
        else resolve();
      });
    });
    return this.#finished;
  }

  /**
   * Closes both directions, after sending the written bytes and a close_notify.
   *
   * A blocked write is abandoned, and no close_notify follows it. The socket
   * closes when the peer has ended its stream too.
   */
  linger(): Promise<void> | undefined {
    if (this.#closed) return undefined;
    this.#closed = true;
    const blocked = this.socket.writableLength > 0;
    this.#fail(named("Interrupted", "closed locally"));
    this.#received.clear();
    const { stream, error } = this.#bridge;
    if (stream.closed || error !== undefined) return void this.close();
    const released = new Promise<void>((resolve) => {
      stream.once("close", resolve);
    });
    this.#stopWaiting = awaitPeer(() => this.#bridge.sent, () => this.close());
    if (blocked) this.#destroy();
    else if (this.socket.destroyed) this.#bridge.finish();
    else {
      this.#bridge.pull(); // a full queue may have suspended reading
      // Closing a socket with unread bytes (such as the session tickets that a
      // client receives after its handshake) resets the peer, which then loses
      // the bytes in transit to it. So wait for the peer's end of stream. When
      // both directions have ended, the stream closes itself.
      this.socket.end();
    }
    return released;
  }

  #take(chunk: Uint8Array): void {
    if (!this.#closed) return this.#received.push(chunk);
    this.#discarded += chunk.length;
    if (this.#discarded > LINGER_BYTES) this.close();
  }

  /** Closes immediately, without a close_notify. */
  close(): void {
    this.#closed = true;
    this.#stopWaiting?.();
    this.#bridge.abort();
    this.#destroy();
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Ends reading. An end without close_notify is an error, because an attacker
   * may have truncated the stream (RFC 8446, 6.1), unless the user accepts it.
   */
  #end(): void {
    if (this.#bridge.ended && this.#requireCloseNotify) {
      this.#fail(truncated());
    } else this.#received.end();
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    this.#received.fail(reason);
  }

  /**
   * Returns the socket's own error; without one, a less specific error.
   */
  #reason(error: Error): Error {
    const { error: cause } = this.#bridge;
    if (cause instanceof Error) return cause;
    if (this.#closed) return named("Interrupted", "closed locally");
    return tlsError(error);
  }
}

function truncated(): Error {
  return named(
    "UnexpectedEof",
    "peer closed connection without sending TLS close_notify",
  );
}

/**
 * Renames a TLS error from `node:tls` to Deno's `InvalidData`.
 *
 * @param error the error from `node:tls`
 */
export function tlsError(error: Error): Error {
  const code = "code" in error ? String(error.code) : "";
  return /^ERR_(SSL|TLS)_/.test(code)
    ? named("InvalidData", error.message, error)
    : error;
}

/** Returns an error with the name that Deno uses for its kind. */
function named(name: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { name });
}
