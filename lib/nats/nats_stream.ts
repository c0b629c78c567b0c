/**
 * A connection over NATS: one ordered byte stream in each direction, as frames to
 * a pair of subjects.
 *
 * @module
 */
import type { SocketAddress } from "../transport/connection.ts";
import {
  TransportError,
  type TransportErrorCode,
} from "../transport/errors.ts";
import { ReceiveQueue } from "../transport/receive_queue.ts";
import type { LowerConnection } from "../transport/socket_connection_impl.ts";
import {
  CLOSE,
  CREDIT,
  DATA,
  decodeUint32,
  encodeFrame,
  encodeUint32,
  END,
  FRAME_HEADER,
  OPEN,
  PING,
  RESET,
  RESET_GONE,
  RESET_LOST,
  RESET_PROTOCOL,
  type StreamFrame,
} from "./stream_frame.ts";
import type { WindowBudget } from "./window_budget.ts";

/** Maximum number of bytes in one frame. */
const MAX_DATA = 64 * 1024;

/** Most bytes that a peer may grant; more is no window of this library. */
const MAX_CREDIT = 2 ** 31;

/** Number of heartbeats in a row without a frame of the peer; it also sends them. */
const MAX_SILENCE = 2;

/** The end that a stream belongs to. */
export interface StreamHost {
  /** Windows of all streams of the end. */
  readonly windows: WindowBudget;
  /** Publishes a frame; returns whether the NATS client took it. */
  send(subject: string, frame: Uint8Array, reply?: string): boolean;
  /** Returns whether a frame of this size may be published now. */
  fits(length: number): boolean;
  /** Forgets a stream that has ended. */
  remove(stream: NatsStream): void;
}

/** Facts about a stream. */
export interface StreamSettings {
  /** Subject of the listener. */
  readonly name: string;
  /** Subject of the frames that the stream receives. */
  readonly own: string;
  /** Subject of the frames that the stream sends. */
  readonly peer: string;
  /** Bytes that the peer may send at first. */
  readonly window: number;
  /** Bytes that may be sent at first. */
  readonly credit: number;
  /** Bytes of the largest message. */
  readonly largest: number;
  /** Number of frames that were received and sent already. */
  readonly opened: { readonly received: number; readonly sent: number };
}

/** One end of a connection over NATS. */
export class NatsStream implements LowerConnection {
  readonly localAddr: SocketAddress;
  readonly remoteAddr: SocketAddress;
  /** Subject of the frames that it receives. */
  readonly own: string;
  /** Subject of the frames that it sends. */
  readonly peer: string;
  /** Bytes that the peer may send at first. */
  readonly firstWindow: number;
  readonly #host: StreamHost;
  readonly #address: string;
  readonly #largest: number;
  readonly #received = new ReceiveQueue((count) => this.#grant(count));
  #lastReceived: number;
  #lastSent: number;
  /** Bytes that were granted to the peer: unread ones, and those not yet sent. */
  #window: number;
  /** Bytes that the peer may send now. */
  #allowed: number;
  /** Bytes that were read since the last grant. */
  #taken = 0;
  /** Bytes that may be sent now. */
  #credit: number;
  #halfClosed = false;
  #failure: TransportError | undefined = undefined;
  /** Writes run one at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  #wake: (() => void) | undefined = undefined;
  #silence = 0;

  constructor(host: StreamHost, settings: StreamSettings) {
    const { name, own, peer, window, credit, largest, opened } = settings;
    this.#host = host;
    this.#address = `nats:${name}`;
    this.own = own;
    this.peer = peer;
    // Not the subjects of the frames: addresses are logged, and all who know the
    // subjects could send frames.
    this.localAddr = this.remoteAddr = { transport: "nats", name };
    this.firstWindow = window;
    this.#window = window;
    this.#allowed = window;
    this.#credit = credit;
    this.#largest = Math.max(1, Math.min(MAX_DATA, largest - FRAME_HEADER));
    this.#lastReceived = opened.received;
    this.#lastSent = opened.sent;
  }

  /** Whether the connection has ended at this end. */
  get ended(): boolean {
    return this.#failure !== undefined;
  }

  read(buffer: Uint8Array): Promise<number | null> {
    return this.#received.read(buffer);
  }

  async write(data: Uint8Array): Promise<number> {
    if (data.length === 0) return 0;
    return await this.#enqueue(async () => {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure;
        if (this.#halfClosed) {
          throw this.#error("closed", "it is closed for writing");
        }
        const count = Math.min(data.length, this.#largest, this.#credit);
        if (count > 0 && this.#host.fits(count)) {
          this.#credit -= count;
          this.#send(DATA, data.subarray(0, count));
          if (this.#failure !== undefined) throw this.#failure;
          return count;
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    });
  }

  async closeWrite(): Promise<void> {
    await this.#enqueue(() => {
      if (this.#failure !== undefined) throw this.#failure;
      if (!this.#halfClosed) this.#send(END);
      this.#halfClosed = true;
    });
  }

  /** All frames were published already, and arrive before the last one. */
  linger(): undefined {}

  close(): void {
    if (this.#failure === undefined) this.#send(CLOSE);
    this.#fail("closed", "it was closed locally");
    this.#received.clear();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Wakes a write that waits for other streams. */
  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Sends a heartbeat; ends the connection if the peer sends none. */
  beat(): void {
    if (this.#failure !== undefined) return;
    if (this.#silence === MAX_SILENCE) {
      return this.cut("reset", "the peer has sent nothing for 3 heartbeats");
    }
    this.#silence++;
    // If the peer does not know the connection, it or the NATS server replies.
    this.#send(PING, undefined, this.own);
  }

  /** Ends the connection; what was received can still be read. */
  cut(code: TransportErrorCode, reason: string): void {
    this.#fail(code, reason);
  }

  /** Handles a frame. */
  receive({ kind, number, payload }: StreamFrame): void {
    if (this.#failure !== undefined) return;
    // A listener that gets a dial twice sends its first frame twice.
    if (kind === OPEN && number === 1) return;
    if (kind === RESET) {
      return this.cut(
        "reset",
        payload[0] === RESET_LOST
          ? "the peer has missed frames"
          : "the peer has cut it",
      );
    }
    if (number !== this.#lastReceived + 1) {
      return this.#reject(
        RESET_LOST,
        "reset",
        `frame ${number} arrived instead of ${this.#lastReceived + 1}`,
      );
    }
    this.#lastReceived = number;
    this.#silence = 0;
    if (kind === DATA) this.#receiveData(payload);
    else if (kind === END) this.#received.end();
    else if (kind === CREDIT) this.#receiveCredit(decodeUint32(payload));
    else if (kind === CLOSE) {
      this.#received.end();
      this.cut("reset", "the peer has closed it");
    }
  }

  #receiveData(payload: Uint8Array): void {
    const { length } = payload;
    if (this.#received.ended) {
      return this.#protocol("the peer sent data after its half-close");
    }
    if (length > this.#allowed) {
      return this.#protocol(
        `the peer sent ${length} bytes, and may send ${this.#allowed}`,
      );
    }
    this.#allowed -= length;
    // A view of the NATS client's buffer, which slice() of a Buffer would share.
    if (length > 0) this.#received.push(new Uint8Array(payload));
  }

  #receiveCredit(credit: number | undefined): void {
    if (credit === undefined || this.#credit + credit > MAX_CREDIT) {
      return this.#protocol(`the peer granted ${credit} bytes`);
    }
    this.#credit += credit;
    this.wake();
  }

  #protocol(reason: string): void {
    this.#reject(RESET_PROTOCOL, "protocol", reason);
  }

  #reject(reset: number, code: TransportErrorCode, reason: string): void {
    this.#send(RESET, Uint8Array.of(reset));
    this.cut(code, reason);
  }

  /** Grants credit each time half of the window has been read. */
  #grant(count: number): void {
    this.#taken += count;
    const window = this.#window;
    if (this.#taken < window / 2 || this.#failure !== undefined) return;
    if (this.#received.ended) return; // the peer sends no more
    this.#window = this.#host.windows.next(window, this.#taken);
    const credit = this.#taken + this.#window - window;
    this.#taken = 0;
    this.#allowed += credit;
    if (credit > 0) this.#send(CREDIT, encodeUint32(credit));
  }

  #send(kind: number, payload?: Uint8Array, reply?: string): void {
    const frame = encodeFrame(kind, ++this.#lastSent, payload);
    if (this.#host.send(this.peer, frame, reply)) return;
    this.cut("reset", "the NATS connection is not open");
  }

  #fail(code: TransportErrorCode, reason: string): void {
    if (this.#failure !== undefined) return;
    this.#failure = this.#error(code, reason);
    this.#received.fail(this.#failure);
    this.#host.windows.release(this.#window);
    this.#host.remove(this);
    this.wake();
  }

  #error(code: TransportErrorCode, reason: string): TransportError {
    const address = this.#address;
    return new TransportError(
      `Cannot use the connection to ${address}: ${reason}`,
      { code, address },
    );
  }

  async #enqueue<T>(work: () => T): Promise<Awaited<T>> {
    const current = this.#turn.then(work);
    this.#turn = current.then(() => {}, () => {});
    return await current;
  }
}

/** Returns the reply to frames of an unknown connection. */
export function goneFrame(): Uint8Array {
  return encodeFrame(RESET, 1, Uint8Array.of(RESET_GONE));
}
