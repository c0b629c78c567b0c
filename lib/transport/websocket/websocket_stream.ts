/**
 * A WebSocket as a byte stream.
 *
 * | message | meaning |
 * | --- | --- |
 * | binary, not empty | bytes of the stream; message boundaries have no meaning |
 * | binary, empty | half-close: the sender sends no more bytes |
 * | text, with the subprotocol | a decimal number: the recipient of this message may send that many more bytes |
 * | text, without the subprotocol | an error |
 *
 * A WebSocket delivers every message to the receiver's event loop, whether or
 * not the application reads it. Without the subprotocol, nothing limits the
 * sender, and a message that exceeds the receiver's limit ends the connection.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import { LINGER_BYTES, LINGER_TIME } from "../linger.ts";
import type { LowerConnection } from "../socket_connection_impl.ts";
import { ReceiveQueue } from "../receive_queue.ts";
import {
  CLOSE_LIMIT,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL,
  codeAfterClose,
  connectFailureCode,
  webSocketError,
} from "./websocket_failure.ts";
import type { TransportError, TransportErrorCode } from "../errors.ts";
import { releaseWebSocket } from "./release_websocket.ts";

/** The subprotocol with which receivers grant credit to senders. */
export const FLOW_CONTROL = "lengthwise.bytes.v1";
/**
 * Initial credit of each sender, in bytes.
 *
 * A receiver whose limit is exactly this value sends no grant at the start. A
 * grant is a small message, and Deno's client sockets would delay the next small
 * message by up to 40 ms (Nagle's algorithm).
 */
export const FIRST_CREDIT = 256 * 1024;
/** Default limit on unread bytes without flow control. */
const UNCONTROLLED_LIMIT = 16 * 1024 * 1024;

/** Maximum number of bytes in one message. */
const MESSAGE_LIMIT = 64 * 1024;
/** A write waits while the platform buffers more bytes than this. */
const BUFFERED_LIMIT = 256 * 1024;
/** Longest interval for polling the send buffer, in ms; no event reports its size. */
const LONGEST_PAUSE = 32;
/**
 * Maximum number of seconds by which the peer extends the lingering.
 *
 * It does so by reading some of the written data.
 */
const LINGER_EXTENSIONS = 30;

/** Options for {@linkcode WebSocketStream}. */
export interface WebSocketStreamOptions {
  /** Maximum number of unread bytes; `undefined` selects the default. */
  receiveLimit: number | undefined;
  /** The peer's address in URL form, for errors. */
  address: string;
  /** The peer's address. */
  remoteAddr: SocketAddress;
  /** Whether flow control applies; `undefined` defers to the negotiated subprotocol. */
  flowControl: boolean | undefined;
}

/** One end of a WebSocket. */
export class WebSocketStream implements LowerConnection {
  /** The local address, which no runtime reports. */
  readonly localAddr: SocketAddress = { transport: "websocket" };
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /** Resolves after the opening handshake, or rejects with its error. */
  readonly opened: Promise<void>;
  /** Resolves when the closing handshake is complete or the socket has failed. */
  readonly finished: Promise<void>;
  #socket: WebSocket;
  #address: string;
  #receiveLimit: number;
  #limitGiven: boolean;
  #received = new ReceiveQueue((count) => this.#grant(count));
  /** Number of bytes read since the last grant of credit. */
  #taken = 0;
  #failure: TransportError | undefined;
  #detail = "";
  #halfClosed = false;
  #wasOpen = false;
  #credit = Infinity;
  #flowControl: boolean | undefined;
  /** Resolves when the socket has closed after `linger`. */
  #released = Promise.withResolvers<void>();
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  /** Number of bytes that `linger` may still receive and discard. */
  #discardable = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | undefined;
  #settle: { open(): void; fail(error: unknown): void; finish(): void };

  /**
   * @param socket a socket, opening or open; the stream owns it
   * @param options limit and addresses
   */
  constructor(socket: WebSocket, options: WebSocketStreamOptions) {
    this.#socket = socket;
    this.#address = options.address;
    this.#receiveLimit = options.receiveLimit ?? FIRST_CREDIT;
    this.#limitGiven = options.receiveLimit !== undefined;
    this.remoteAddr = options.remoteAddr;
    this.#flowControl = options.flowControl;
    const opened = Promise.withResolvers<void>();
    const finished = Promise.withResolvers<void>();
    this.opened = opened.promise;
    this.opened.catch(() => {}); // reads and writes report the same error
    this.finished = finished.promise;
    this.#settle = {
      open: opened.resolve,
      fail: opened.reject,
      finish: finished.resolve,
    };
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("error", (event) => this.#onError(event));
    socket.addEventListener("close", (event) => this.#onClose(event));
    if (socket.readyState === socket.OPEN) this.#open();
    else socket.addEventListener("open", () => this.#open());
  }

  /** Reads the available bytes; waits until there is at least one. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  /** Writes up to 64 KiB, when credit and buffer space allow. */
  async write(data: Uint8Array): Promise<number> {
    if (data.length === 0) return 0;
    return await this.#enqueue(async () => {
      await this.#untilWritable();
      if (this.#halfClosed) throw this.#error("closed", "for writing");
      const count = Math.min(data.length, MESSAGE_LIMIT, this.#credit);
      // Send a copy, because the platform may send after the caller reuses its
      // buffer.
      this.#socket.send(data.slice(0, count));
      this.#credit -= count;
      return count;
    });
  }

  /** Sends the empty message that ends the outgoing stream. */
  async closeWrite(): Promise<void> {
    await this.#enqueue(async () => {
      await this.opened;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#halfClosed) return;
      this.#halfClosed = true;
      this.#socket.send(new Uint8Array(0));
    });
  }

  /**
   * Closes both directions; everything written still arrives.
   *
   * A server's WebSocket in Deno breaks the connection if a message arrives
   * during the closing handshake, and the peer then loses what it has not read
   * yet. So the stream half-closes first, and the closing handshake begins when
   * the peer has ended its stream, or a limit is reached. The socket is released
   * if the closing handshake takes longer than a second as well.
   */
  linger(): Promise<void> | undefined {
    const peerEnded = this.#received.ended;
    this.#fail("closed", "closed locally");
    this.#received.clear();
    const { readyState, OPEN, CLOSED } = this.#socket;
    if (readyState === CLOSED) return undefined;
    if (readyState === OPEN && !peerEnded && this.#breaksWhenClosing) {
      this.#discardInput();
    } else this.#beginClosing();
    return this.#released.promise;
  }

  /** Closes both directions at once, whether or not the peer answers. */
  close(): void {
    this.#fail("closed", "closed locally");
    this.#received.clear();
    clearTimeout(this.#lingerTimer);
    this.#socket.close(CLOSE_NORMAL);
    releaseWebSocket(this.#socket);
    this.#released.resolve();
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  get #breaksWhenClosing(): boolean {
    // Only a client's socket has a URL.
    return "Deno" in globalThis && this.#socket.url === "";
  }

  #discardInput(): void {
    if (!this.#halfClosed) this.#socket.send(new Uint8Array(0));
    this.#halfClosed = true;
    this.#discardable = LINGER_BYTES;
    this.#lingerTimer = setTimeout(() => this.#beginClosing(), LINGER_TIME);
  }

  #discard(data: unknown): void {
    if (this.#discardable === 0 || !(data instanceof ArrayBuffer)) return;
    const left = data.byteLength === 0
      ? 0
      : this.#discardable - data.byteLength;
    this.#discardable = Math.max(0, left);
    if (this.#discardable === 0) this.#beginClosing();
  }

  /** Starts the closing handshake, and limits its time. */
  #beginClosing(): void {
    this.#discardable = 0;
    clearTimeout(this.#lingerTimer);
    this.#socket.close(CLOSE_NORMAL);
    this.#awaitPeer(LINGER_EXTENSIONS);
  }

  #awaitPeer(extensions: number): void {
    const { bufferedAmount } = this.#socket;
    this.#lingerTimer = setTimeout(() => {
      if (extensions > 0 && this.#socket.bufferedAmount < bufferedAmount) {
        this.#awaitPeer(extensions - 1);
      } else this.close();
    }, LINGER_TIME);
  }

  /** Runs writes one at a time, in the order of their calls. */
  async #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const current = this.#turn.then(work);
    this.#turn = current.catch(() => {});
    return await current;
  }

  /**
   * Waits until the socket is open and has credit and buffer space.
   */
  async #untilWritable(): Promise<void> {
    await this.opened;
    for (let pause = 1;; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#credit <= 0) await this.#untilWoken(Infinity);
      else if (this.#socket.bufferedAmount > BUFFERED_LIMIT) {
        await this.#untilWoken(pause);
      } else return;
    }
  }

  /** Waits for a wake-up, but at most `pause` milliseconds. */
  async #untilWoken(pause: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = pause === Infinity ? undefined : setTimeout(resolve, pause);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }

  #open(): void {
    this.#wasOpen = true;
    // Deno forgets a call of `close` before a server's socket is open.
    if (this.#failure !== undefined) return this.#socket.close(CLOSE_NORMAL);
    this.#flowControl ??= this.#socket.protocol === FLOW_CONTROL;
    if (this.#flowControl) {
      this.#credit = FIRST_CREDIT;
      this.#sendCredit(this.#receiveLimit - FIRST_CREDIT);
    } else if (!this.#limitGiven) this.#receiveLimit = UNCONTROLLED_LIMIT;
    this.#settle.open();
  }

  #receive(data: unknown): void {
    if (this.#failure !== undefined) this.#discard(data);
    else if (typeof data === "string") this.#text(data);
    else if (!(data instanceof ArrayBuffer)) {
      this.#reject(CLOSE_PROTOCOL, "protocol", "it sent a Blob");
    } else if (this.#received.ended) {
      this.#reject(
        CLOSE_PROTOCOL,
        "protocol",
        "it sent data after its half-close",
      );
    } else if (data.byteLength === 0) this.#received.end();
    else if (this.#received.held + data.byteLength > this.#receiveLimit) {
      const limit = `more than ${this.#receiveLimit} bytes are unread`;
      this.#reject(CLOSE_LIMIT, "limit", limit);
    } else this.#received.push(new Uint8Array(data));
  }

  #text(data: string): void {
    if (!this.#flowControl || !/^\d{1,15}$/.test(data)) {
      this.#reject(CLOSE_PROTOCOL, "protocol", "it sent a text message");
      return;
    }
    this.#credit += Number(data);
    this.#wake?.();
  }

  /** Grants credit each time half of the limit has been read. */
  #grant(count: number): void {
    this.#taken += count;
    if (!this.#flowControl || this.#taken < this.#receiveLimit / 2) return;
    this.#sendCredit(this.#taken);
    this.#taken = 0;
  }

  #sendCredit(credit: number): void {
    if (credit > 0 && this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(String(credit));
    }
  }

  /** Stores the runtime's message about a failure; browsers provide none. */
  #onError(event: Event): void {
    if ("message" in event) this.#detail = String(event.message);
  }

  #onClose({ code, wasClean, reason }: CloseEvent): void {
    const ended = code === CLOSE_NORMAL || code === CLOSE_NO_STATUS;
    if (wasClean && ended) this.#received.end();
    const detail = this.#detail || reason ||
      (wasClean ? `code ${code}` : "no closing handshake");
    this.#fail(
      wasClean ? codeAfterClose(code) : this.#brokenCode(detail),
      detail,
    );
    clearTimeout(this.#lingerTimer);
    this.#released.resolve();
    this.#settle.finish();
  }

  #brokenCode(detail: string): TransportErrorCode {
    if (this.#wasOpen) return "reset";
    return connectFailureCode(detail);
  }

  #reject(closeCode: number, code: TransportErrorCode, reason: string): void {
    this.#fail(code, reason);
    this.#received.clear();
    this.#socket.close(closeCode, reason);
  }

  #fail(code: TransportErrorCode, reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#error(code, reason);
    this.#settle.fail(this.#failure);
    this.#received.fail(this.#failure);
    this.#wake?.();
  }

  #error(code: TransportErrorCode, reason: string): TransportError {
    return webSocketError(code, { reason, address: this.#address });
  }
}
