/**
 * TLS through `node:tls` over any {@linkcode Connection}, as a
 * {@linkcode Connection} again: for what Deno's own TLS cannot do, which is to
 * serve with no-delay, to require client certificates, to present one after
 * connecting, and to run over anything but TCP.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { ReceiveQueue } from "../receive_queue.ts";
import { type BridgeModules, TlsBridge } from "./node_stream_bridge.ts";
import type { Connection, SocketAddress } from "../connection.ts";

/** Decrypted bytes held for the reader before the socket is left alone. */
const RECEIVE_LIMIT = 64 * 1024;
/** Bytes taken by one write: what is encrypted at a time stays small. */
const WRITE_LIMIT = 128 * 1024;
/**
 * Milliseconds without progress that the peer may take to read what was
 * written, and to end its side, when this one closes …
 */
const FAREWELL = 1_000;
/** … and how often it may make progress just in time. */
const FAREWELLS = 30;

/** A socket on its way to a {@linkcode TlsEngine}. */
export class TlsStart {
  /** What `node:tls` stands on. */
  readonly bridge: TlsBridge;
  #raw: Connection;
  #received = new ReceiveQueue(() => {
    if (this.#received.held < RECEIVE_LIMIT) this.bridge.pull();
  });

  /**
   * @param modules of `node:`
   * @param raw the socket; it belongs to this object from now on
   */
  constructor(modules: BridgeModules, raw: Connection) {
    this.#raw = raw;
    const full = () => this.#received.held >= RECEIVE_LIMIT;
    this.bridge = new TlsBridge(modules, raw, full);
  }

  /**
   * Goes on once the handshake is done; to be called in that very turn.
   *
   * @param socket the secured socket
   */
  secured(socket: TLSSocket): TlsEngine {
    return new TlsEngine(socket, {
      bridge: this.bridge,
      received: this.#received,
      localAddr: this.#raw.localAddr,
      remoteAddr: this.#raw.remoteAddr,
    });
  }
}

interface EngineParts {
  bridge: TlsBridge;
  received: ReceiveQueue;
  localAddr: SocketAddress;
  remoteAddr: SocketAddress;
}

/** One side of a TLS connection, once its handshake is done. */
export class TlsEngine implements Connection {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /** The stream of `node:tls`. */
  readonly socket: TLSSocket;
  #bridge: TlsBridge;
  #received: ReceiveQueue;
  #destroy: (error?: Error) => void;
  #closed = false;
  #failure: Error | undefined;
  #finished: Promise<void> | undefined;
  #farewell: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param socket the secured stream of `node:tls`
   * @param parts what it stands on
   */
  constructor(socket: TLSSocket, parts: EngineParts) {
    this.socket = socket;
    this.localAddr = parts.localAddr;
    this.remoteAddr = parts.remoteAddr;
    this.#bridge = parts.bridge;
    this.#received = parts.received;
    this.#destroy = socket.destroy.bind(socket);
    // Once both sides have ended, the stream destroys itself, and with it the
    // records that wait for the socket, close_notify behind them.
    socket.destroy = (error) => {
      if (error) this.#destroy(error);
      else void this.#bridge.idle().then(() => this.#destroy());
      return socket;
    };
    socket.on("data", (chunk: Uint8Array) => this.#received.push(chunk));
    socket.once("end", () => this.#end());
    socket.on("error", (error) => this.#fail(this.#reason(error)));
    socket.once("close", () => {
      this.#fail(this.#reason(truncated()));
    });
    parts.bridge.stream.once("close", () => clearTimeout(this.#farewell));
  }

  /** Waits for what is there. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  /** Takes up to 128 KiB; resolves once the socket has taken their records. */
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
      // The types of Node.js forget that the callback is told of an error.
      this.socket.end((error?: Error | null) => {
        if (error) reject(this.#reason(error));
        else resolve();
      });
    });
    return this.#finished;
  }

  /**
   * Closes both directions, behind what was written and a close_notify. A write
   * that is blocked is given up, and nothing follows it. The socket goes once
   * the peer has ended too.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const blocked = this.socket.writableLength > 0;
    this.#fail(named("Interrupted", "closed by this side"));
    this.#received.clear();
    if (this.#bridge.error !== undefined) return this.cut();
    this.#leave(FAREWELLS);
    if (blocked) this.#destroy();
    else if (this.socket.destroyed) this.#bridge.finish();
    else {
      this.#bridge.pull(); // a full queue has kept it from reading
      // A socket that is closed before it has read all resets the peer, and
      // takes what is on its way there: so the peer's end is waited for (a
      // client that closes early has session tickets coming). With both ends,
      // the stream closes itself.
      this.socket.end();
    }
  }

  #leave(rounds: number): void {
    if (this.#bridge.stream.closed) return;
    const { sent } = this.#bridge;
    this.#farewell = setTimeout(() => {
      if (rounds > 0 && this.#bridge.sent > sent) this.#leave(rounds - 1);
      else this.cut();
    }, FAREWELL);
  }

  /** Closes at once, without a farewell. */
  cut(): void {
    this.#closed = true;
    clearTimeout(this.#farewell);
    this.#bridge.cut();
    this.#destroy();
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** RFC 8446, 6.1: an end without close_notify may be an attacker's. */
  #end(): void {
    if (this.#bridge.ended) this.#fail(truncated());
    else this.#received.end();
  }

  #fail(reason: Error): void {
    this.#failure ??= reason;
    this.#received.fail(reason);
  }

  /** What the socket threw says more than what `node:tls` makes of it. */
  #reason(error: Error): Error {
    const { error: cause } = this.#bridge;
    if (cause instanceof Error) return cause;
    if (this.#closed) return named("Interrupted", "closed by this side");
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
 * Gives what `node:tls` refuses the name that it has in Deno.
 *
 * @param error of `node:tls`
 */
export function tlsError(error: Error): Error {
  const code = "code" in error ? String(error.code) : "";
  return /^ERR_(SSL|TLS)_/.test(code)
    ? named("InvalidData", error.message, error)
    : error;
}

/** An error by the name that Deno gives to its kind. */
function named(name: string, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { name });
}
