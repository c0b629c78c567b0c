/**
 * A WebSocket as a byte stream.
 *
 * | message | meaning |
 * | --- | --- |
 * | binary, not empty | bytes of the stream; message boundaries have no meaning |
 * | binary, empty | half-close: the sender sends no more bytes |
 * | text, with flow control | a decimal number: the recipient of this message may send that many more bytes |
 * | text, without flow control | an error |
 *
 * A WebSocket delivers every message to the receiver's event loop, whether or
 * not the application reads it. Without flow control, nothing limits the
 * sender, and a message that exceeds the receiver's limit ends the connection.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import type { LowerConnection } from "../socket_connection_impl.ts";
import { ReceiveQueue } from "../receive_queue.ts";
import {
  FLOW_CONTROL,
  FlowControl,
  type FlowControlState,
} from "./flow_control.ts";
import {
  CLOSE_BROKEN,
  CLOSE_LIMIT,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL,
  codeAfterClose,
  connectFailureCode,
  reportedStatus,
  webSocketError,
} from "./websocket_failure.ts";
import type { TransportError, TransportErrorCode } from "../errors.ts";
import { WebSocketClosing } from "./websocket_closing.ts";

/** Maximum number of bytes in one message. */
const MESSAGE_LIMIT = 64 * 1024;
/** A write waits while the platform buffers more bytes than this. */
const BUFFERED_LIMIT = 256 * 1024;
/** Longest interval for polling the send buffer, in ms; no event reports its size. */
const LONGEST_PAUSE = 32;

/** Options for {@linkcode WebSocketStream}. */
export interface WebSocketStreamOptions {
  /** Maximum number of unread bytes; `undefined` selects the default. */
  receiveLimit: number | undefined;
  /** The peer's address in URL form, for errors. */
  address: string;
  /** The peer's address. */
  remoteAddr: SocketAddress;
  /** Whether flow control applies; `undefined` detects it. */
  flowControl: boolean | undefined;
  /** Whether the subprotocol was negotiated, if the socket does not report it. */
  negotiated: boolean | undefined;
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
  #flow: FlowControl;
  #announced = false;
  /** Number of messages of bytes sent. */
  #sentMessages = 0;
  #received = new ReceiveQueue((count) => this.#grant(count));
  #failure: TransportError | undefined;
  #detail = "";
  #halfClosed = false;
  #wasOpen = false;
  #flowControl: boolean | undefined;
  #negotiated: boolean;
  /** A short timer: for the announcement, or for a missing `close` event. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closing: WebSocketClosing;
  #turn: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | undefined;
  #settle: { open(): void; fail(error: unknown): void; finish(): void };

  /**
   * @param socket a socket, opening or open; the stream owns it
   * @param options limit and addresses
   */
  constructor(socket: WebSocket, options: WebSocketStreamOptions) {
    this.#socket = socket;
    this.#closing = new WebSocketClosing(socket);
    this.#address = options.address;
    this.#flow = new FlowControl(options.receiveLimit);
    this.remoteAddr = options.remoteAddr;
    this.#flowControl = options.flowControl;
    this.#negotiated = options.negotiated ?? false;
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
    else if (socket.readyState === socket.CLOSED) {
      this.#end("reset", "it had closed before");
    } else if (socket.readyState === socket.CLOSING) this.#wasOpen = true;
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
      await this.opened;
      // Check in the turn of the message: an announcement may have arrived.
      for (let pause = 1; !this.#writable; pause *= 2) {
        await this.#untilWritable(Math.min(pause, LONGEST_PAUSE));
      }
      if (this.#halfClosed) throw this.#error("closed", "for writing");
      const { credit } = this.#flow;
      const count = Math.min(data.length, MESSAGE_LIMIT, credit);
      // Send a copy, because the platform may send after the caller reuses its
      // buffer; slice() of a Buffer would not copy.
      this.#sendBytes(new Uint8Array(data.subarray(0, count)));
      this.#flow.send(count);
      return count;
    });
  }

  /** Sends the empty message that ends the outgoing stream. */
  async closeWrite(): Promise<void> {
    await this.#enqueue(async () => {
      await this.opened;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#halfClosed) return;
      this.#endOutgoing();
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
    if (readyState === OPEN && !peerEnded && this.#servedByDeno) {
      if (!this.#halfClosed) this.#endOutgoing();
      this.#closing.discardInput();
    } else this.#closing.handshake();
    return this.#closing.released;
  }

  /** Closes both directions at once, whether or not the peer answers. */
  close(): void {
    this.#fail("closed", "closed locally");
    this.#received.clear();
    this.#closing.release();
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether this is a server's socket in Deno; only clients' sockets have a URL. */
  get #servedByDeno(): boolean {
    return "Deno" in globalThis && this.#socket.url === "";
  }

  /** Runs writes one at a time, in the order of their calls. */
  async #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const current = this.#turn.then(work);
    this.#turn = current.catch(() => {});
    return await current;
  }

  #sendBytes(data: Uint8Array<ArrayBuffer>): void {
    // The announcement must be the first or second message.
    if (this.#sentMessages++ === 1 && this.#flow.state === "on") {
      this.#announce();
    }
    this.#socket.send(data);
  }

  #endOutgoing(): void {
    this.#halfClosed = true;
    this.#sendBytes(new Uint8Array(0));
  }

  /** Whether there is credit and buffer space. */
  get #writable(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    return this.#flow.credit > 0 &&
      this.#socket.bufferedAmount <= BUFFERED_LIMIT;
  }

  /** Waits for credit, or for `pause` milliseconds for buffer space. */
  async #untilWritable(pause: number): Promise<void> {
    if (this.#flow.credit > 0) return await this.#untilWoken(pause);
    await this.#untilWoken(this.#flow.patience);
    if (this.#flow.credit <= 0) this.#flow.assumeOff();
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
    if (this.#failure !== undefined) return this.#closing.handshake();
    const negotiated = this.#negotiated ||
      this.#socket.protocol === FLOW_CONTROL;
    this.#flow.open(this.#stateWhenOpen(negotiated), negotiated);
    // Later in this turn, so that it follows the bytes that are written now. A
    // client in Deno delays a second small message (Nagle's algorithm).
    if (this.#flow.state === "on") {
      this.#timer = setTimeout(() => this.#announce());
    }
    this.#settle.open();
  }

  #stateWhenOpen(negotiated: boolean): FlowControlState {
    if (this.#flowControl !== undefined) {
      return this.#flowControl ? "on" : "off";
    }
    if (negotiated) return "on";
    // In Deno, the `protocol` of a server's socket is always empty.
    return this.#servedByDeno ? "unknown" : "assumed-off";
  }

  #announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#sendCredit(this.#flow.announcement());
  }

  #receive(data: unknown): void {
    if (this.#failure !== undefined) this.#closing.discard(data);
    else if (typeof data === "string") this.#text(data);
    else if (!(data instanceof ArrayBuffer)) {
      this.#reject(CLOSE_PROTOCOL, "protocol", "it sent a Blob");
    } else if (this.#received.ended) {
      this.#reject(
        CLOSE_PROTOCOL,
        "protocol",
        "it sent data after its half-close",
      );
    } else this.#bytes(data);
  }

  #bytes(data: ArrayBuffer): void {
    this.#flow.receive();
    this.#wake?.(); // it may be known now that there is no flow control
    const { receiveLimit } = this.#flow;
    if (data.byteLength === 0) this.#received.end();
    else if (this.#received.held + data.byteLength > receiveLimit) {
      const limit = `more than ${receiveLimit} bytes are unread`;
      this.#reject(CLOSE_LIMIT, "limit", limit);
    } else this.#received.push(new Uint8Array(data));
  }

  #text(data: string): void {
    const known = this.#flow.state;
    const credit = /^\d{1,15}$/.test(data) ? Number(data) : NaN;
    if (Number.isNaN(credit) || !this.#flow.granted(credit)) {
      const reason = known === "off" || known === "assumed-off"
        ? "it sent a text message, but flow control is off at this end"
        : "it sent a text message";
      return this.#reject(CLOSE_PROTOCOL, "protocol", reason);
    }
    if (known !== "on") {
      this.#announce();
      this.#grant(0); // bytes were read before
    }
    this.#wake?.();
  }

  /** Grants credit each time half of the limit has been read. */
  #grant(count: number): void {
    const credit = this.#flow.take(count);
    if (credit > 0) this.#sendCredit(credit);
  }

  #sendCredit(credit: number): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.send(String(credit));
  }

  /** Stores the runtime's message about a failure; browsers provide none. */
  #onError(event: Event): void {
    this.#detail = errorDetail(event);
    // Node.js 22 may report an error and then no `close`, unlike the standard.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() =>
      this.#onClose({ code: CLOSE_BROKEN, wasClean: false, reason: "" })
    );
  }

  #onClose(
    { code, wasClean, reason }: Pick<
      CloseEvent,
      "code" | "wasClean" | "reason"
    >,
  ): void {
    const ended = code === CLOSE_NORMAL || code === CLOSE_NO_STATUS;
    if (wasClean && ended) this.#received.end();
    const detail = this.#detail || reason ||
      (wasClean ? `code ${code}` : "no closing handshake");
    this.#end(
      wasClean ? codeAfterClose(code) : this.#brokenCode(),
      detail,
    );
  }

  /** Ends the stream with the socket. */
  #end(code: TransportErrorCode, detail: string): void {
    this.#fail(code, detail);
    clearTimeout(this.#timer);
    this.#closing.finish();
    this.#settle.finish();
  }

  #brokenCode(): TransportErrorCode {
    return this.#wasOpen ? "reset" : connectFailureCode(this.#detail);
  }

  #reject(closeCode: number, code: TransportErrorCode, reason: string): void {
    this.#fail(code, reason);
    this.#received.clear();
    this.#closing.handshake(closeCode, reason);
  }

  #fail(code: TransportErrorCode, reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#error(code, reason);
    this.#settle.fail(this.#failure);
    this.#received.fail(this.#failure);
    this.#wake?.();
  }

  #error(code: TransportErrorCode, reason: string): TransportError {
    return webSocketError(code, {
      reason,
      address: this.#address,
      status: this.#wasOpen ? undefined : reportedStatus(this.#detail),
    });
  }
}

/** Returns the runtime's description of a failure, or `""`. */
function errorDetail(event: Event): string {
  if ("message" in event && event.message) {
    return `${event.message}${systemCode(event)}`;
  }
  const error = "error" in event ? event.error : undefined;
  if (!(error instanceof Error)) return "";
  // Node.js describes a refused connection only in the cause.
  const { message, cause } = error;
  return cause instanceof Error ? `${message} (${cause.message})` : message;
}

/** Returns the system's code, such as ECONNREFUSED; only Bun has one. */
function systemCode(event: object): string {
  const error = "error" in event ? event.error : undefined;
  return error instanceof Error && "code" in error ? ` (${error.code})` : "";
}
