/**
 * A WebSocket as a stream of bytes.
 *
 * | message | meaning |
 * | --- | --- |
 * | binary, not empty | bytes of the stream; where messages begin and end means nothing |
 * | binary, empty | half-close: no more bytes from this side |
 * | text, with the subprotocol | a decimal number: the peer may send that many bytes more |
 * | text, without it | an error |
 *
 * WebSockets tell a receiver's event loop of each message, read or not: so
 * without the subprotocol nothing holds a sender back, and what does not fit
 * the receiver's limit ends the connection.
 *
 * @module
 */
import type { Connection, SocketAddress } from "../connection.ts";
import { ReceiveQueue } from "../receive_queue.ts";
import {
  CLOSE_LIMIT,
  CLOSE_NO_STATUS,
  CLOSE_NORMAL,
  CLOSE_PROTOCOL,
  closeKind,
  dialKind,
  webSocketError,
} from "./websocket_failure.ts";
import type { TransportError, TransportErrorKind } from "../errors.ts";

/** The subprotocol with which a receiver says how much it takes. */
export const FLOW_CONTROL = "lengthwise.bytes.v1";
/**
 * Bytes that each side may send before the peer has said anything. Whoever
 * receives no more than that says nothing at first: Deno's client sockets delay
 * a second small message by 40 ms (Nagle's algorithm).
 */
export const FIRST_CREDIT = 256 * 1024;
/** Bytes held for the reader where nothing holds the sender back. */
const UNCONTROLLED_LIMIT = 16 * 1024 * 1024;

/** Bytes of one message, at most. */
const MESSAGE_LIMIT = 64 * 1024;
/** Bytes that the platform may hold for sending before a write waits. */
const BUFFERED_LIMIT = 256 * 1024;
/** Milliseconds between two looks at what the platform holds: there is no event. */
const LONGEST_PAUSE = 32;

/** Options of {@linkcode WebSocketStream}. */
export interface WebSocketStreamOptions {
  /** Bytes held for the reader, at most; `undefined` is the default. */
  receiveLimit: number | undefined;
  /** The peer, in URL form, for errors. */
  address: string;
  /** The peer's address. */
  remoteAddr: SocketAddress;
  /** Whether the subprotocol holds; `undefined` is to ask the socket once it is open. */
  flowControl: boolean | undefined;
}

/** One side of a WebSocket. */
export class WebSocketStream implements Connection {
  /** This side's address, which no runtime tells. */
  readonly localAddr: SocketAddress = { transport: "websocket" };
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /** Settles when the opening handshake does. */
  readonly opened: Promise<void>;
  /** Settles when the closing handshake is through, or the socket broken. */
  readonly finished: Promise<void>;
  #socket: WebSocket;
  #address: string;
  #receiveLimit: number;
  #limitGiven: boolean;
  #received = new ReceiveQueue((count) => this.#grant(count));
  /** Bytes read since the peer was last told so. */
  #taken = 0;
  #failure: TransportError | undefined;
  #detail = "";
  #halfClosed = false;
  #wasOpen = false;
  #credit = Infinity;
  #flowControl: boolean | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | undefined;
  #settle: { open(): void; fail(error: unknown): void; finish(): void };

  /**
   * @param socket opening or open; nobody else may listen to it
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
    this.opened.catch(() => {}); // reads and writes tell the same
    this.finished = finished.promise;
    this.#settle = {
      open: opened.resolve,
      fail: opened.reject,
      finish: finished.resolve,
    };
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("error", (event) => this.#note(event));
    socket.addEventListener("close", (event) => this.#lost(event));
    if (socket.readyState === socket.OPEN) this.#open();
    else socket.addEventListener("open", () => this.#open());
  }

  /** Waits for what is there. */
  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  /** Takes up to 64 KiB, once there is room for them. */
  async write(data: Uint8Array): Promise<number> {
    if (data.length === 0) return 0;
    return await this.#inTurn(async () => {
      await this.#room();
      if (this.#halfClosed) throw this.#error("closed", "for writing");
      const count = Math.min(data.length, MESSAGE_LIMIT, this.#credit);
      // The platform may send later than the caller changes its bytes.
      this.#socket.send(data.slice(0, count));
      this.#credit -= count;
      return count;
    });
  }

  /** Sends the empty message. */
  async closeWrite(): Promise<void> {
    await this.#inTurn(async () => {
      await this.opened;
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#halfClosed) return;
      this.#halfClosed = true;
      this.#socket.send(new Uint8Array(0));
    });
  }

  /** Closes both directions, behind what was written. */
  close(): void {
    this.#fail("closed", "this side has closed the connection");
    this.#received.clear();
    this.#socket.close(CLOSE_NORMAL);
  }

  /** Closes both directions. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Writes go out in the order of their calls. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => {});
    return await mine;
  }

  /** Waits for the opening, for credit and for the platform to send. */
  async #room(): Promise<void> {
    await this.opened;
    for (let pause = 1;; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#credit <= 0) await this.#woken(Infinity);
      else if (this.#socket.bufferedAmount > BUFFERED_LIMIT) {
        await this.#woken(pause);
      } else return;
    }
  }

  /** Waits for a change, or for some milliseconds. */
  async #woken(pause: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = pause === Infinity ? undefined : setTimeout(resolve, pause);
    this.#wake = resolve;
    await promise;
    clearTimeout(timer);
    this.#wake = undefined;
  }

  #open(): void {
    this.#wasOpen = true;
    this.#flowControl ??= this.#socket.protocol === FLOW_CONTROL;
    if (this.#flowControl) {
      this.#credit = FIRST_CREDIT;
      this.#send(this.#receiveLimit - FIRST_CREDIT);
    } else if (!this.#limitGiven) this.#receiveLimit = UNCONTROLLED_LIMIT;
    this.#settle.open();
  }

  #receive(data: unknown): void {
    if (this.#failure !== undefined) return;
    if (typeof data === "string") this.#text(data);
    else if (!(data instanceof ArrayBuffer)) {
      this.#refuse(CLOSE_PROTOCOL, "protocol", "it has sent a Blob");
    } else if (this.#received.ended) {
      this.#refuse(
        CLOSE_PROTOCOL,
        "protocol",
        "it has sent after its half-close",
      );
    } else if (data.byteLength === 0) this.#received.end();
    else if (this.#received.held + data.byteLength > this.#receiveLimit) {
      const limit = `more than ${this.#receiveLimit} bytes are unread`;
      this.#refuse(CLOSE_LIMIT, "limit", limit);
    } else this.#received.push(new Uint8Array(data));
  }

  #text(data: string): void {
    if (!this.#flowControl || !/^\d{1,15}$/.test(data)) {
      this.#refuse(CLOSE_PROTOCOL, "protocol", "it has sent a text message");
      return;
    }
    this.#credit += Number(data);
    this.#wake?.();
  }

  /** Says so when half of the limit has been read: not for each read. */
  #grant(count: number): void {
    this.#taken += count;
    if (!this.#flowControl || this.#taken < this.#receiveLimit / 2) return;
    this.#send(this.#taken);
    this.#taken = 0;
  }

  #send(credit: number): void {
    if (credit > 0 && this.#socket.readyState === this.#socket.OPEN) {
      this.#socket.send(String(credit));
    }
  }

  /** Keeps what a runtime says about a failure; browsers say nothing. */
  #note(event: Event): void {
    if ("message" in event) this.#detail = String(event.message);
  }

  #lost({ code, wasClean, reason }: CloseEvent): void {
    const ended = code === CLOSE_NORMAL || code === CLOSE_NO_STATUS;
    if (wasClean && ended) this.#received.end();
    const detail = this.#detail || reason ||
      (wasClean ? `code ${code}` : "cut");
    this.#fail(wasClean ? closeKind(code) : this.#brokenKind(detail), detail);
    this.#settle.finish();
  }

  #brokenKind(detail: string): TransportErrorKind {
    if (this.#wasOpen) return "reset";
    return dialKind(detail);
  }

  #refuse(code: number, kind: TransportErrorKind, why: string): void {
    this.#fail(kind, why);
    this.#received.clear();
    this.#socket.close(code, why);
  }

  #fail(kind: TransportErrorKind, why: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#error(kind, why);
    this.#settle.fail(this.#failure);
    this.#received.fail(this.#failure);
    this.#wake?.();
  }

  #error(kind: TransportErrorKind, why: string): TransportError {
    return webSocketError(kind, { why, address: this.#address });
  }
}
