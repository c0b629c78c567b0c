/**
 * A peer that sends bytes of any kind, counts the frames that arrive, and keeps
 * the sums of credit if its script asks for them.
 *
 * @module
 */
import {
  CALL_ERROR_CODES,
  SESSION_ERROR_CODES,
} from "../../lib/messages/errors/call_error.ts";
import type { RawConnection } from "./connections.ts";
import { frame, K, KIND_NAMES } from "./frames.ts";

/** Charge of a frame in addition to its body. */
const FRAME_CHARGE = 64;

/** The beginning of an HTTP response. */
const STATUS = /HTTP\/1\.1 (\d{3})/g;
/** Bytes of this beginning, less one. */
const STATUS_LINE = 11;

/** Accounts of a connection, by the kind that is charged to them. */
const ACCOUNTS: readonly number[] = [K.REQUEST, K.NOTIFY, K.ITEM];

/** A raw peer. */
export class RawPeer {
  /** Whether the script must end. */
  stopped = false;
  /** Whether the connection has ended in either direction. */
  ended = false;
  /** Whether arriving bytes are read. */
  reads = true;
  /** Whether PINGs are answered. */
  pongs = true;
  /** Bytes that were sent. */
  sent = 0;
  /** Calls that the peer has begun and that have not ended. */
  inFlight = 0;
  /** Number of frames that arrived, by kind, and by code for GOAWAY and ERROR; HTTP by status. */
  readonly seen: Map<string, number>;
  /** Body of the other end's HELLO; empty before it. */
  helloBody: Uint8Array = new Uint8Array();
  readonly #connection: RawConnection;
  readonly #readsHttp: boolean;
  readonly #totals = [0, 0, 0];
  readonly #charges = [0, 0, 0];
  readonly #callTotals = new Map<number, number>();
  readonly #callCharges = new Map<number, number>();
  #streamWindow = 0;
  #rest: Uint8Array = new Uint8Array();
  #arrived = Promise.withResolvers<void>();
  /** Whether bytes were dropped, so that no frame can be found any more. */
  #drops = false;

  /**
   * @param seen where to count what arrives
   * @param readsHttp whether HTTP responses arrive instead of frames
   */
  constructor(
    connection: RawConnection,
    seen: Map<string, number>,
    readsHttp = false,
  ) {
    this.#connection = connection;
    this.seen = seen;
    this.#readsHttp = readsHttp;
  }

  /** Reads until the connection ends. */
  async read(): Promise<void> {
    const chunk = new Uint8Array(65_536);
    try {
      while (!this.stopped) {
        if (!this.reads) {
          if (this.ended) break;
          await pause(10);
          continue;
        }
        const count = await this.#connection.read(chunk);
        if (count === null) break;
        this.#receive(chunk.subarray(0, count));
      }
    } catch { /* the connection was reset or closed */ }
    this.#end();
  }

  #end(): void {
    if (!this.ended && !this.stopped) this.#count("end");
    this.ended = true;
    this.#arrived.resolve();
  }

  /** Reads a few bytes and drops them; whatever follows is dropped, too. */
  async readSome(bytes: number): Promise<void> {
    this.#drops = true;
    try {
      const count = await this.#connection.read(new Uint8Array(bytes));
      if (count === null) this.#end();
    } catch {
      this.#end();
    }
  }

  /** Sends bytes; returns whether the connection took all of them. */
  async send(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length;) {
        const count = await this.#connection.write(bytes.subarray(at));
        at += count;
        this.sent += count;
      }
      return true;
    } catch {
      this.#end();
      return false;
    }
  }

  /** Closes the connection. */
  close(): void {
    this.stopped = true;
    this.#arrived.resolve();
    try {
      this.#connection.close();
    } catch { /* was closed before */ }
  }

  /** Ends the stream of bytes that are sent. */
  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite().catch(() => {});
  }

  /** Waits until a condition holds that arriving frames change, or the peer stops. */
  async until(condition: () => boolean): Promise<void> {
    while (!this.stopped && !this.ended && !condition()) {
      await this.#arrived.promise;
    }
  }

  /** Waits until an event has been seen `count` times. */
  saw(event: string, count = 1): Promise<void> {
    return this.until(() => (this.seen.get(event) ?? 0) >= count);
  }

  /** Charges a frame, and waits until the peer has granted the credit for it. */
  async credit(bytes: Uint8Array): Promise<Uint8Array> {
    const { kind, id, length } = headerOf(bytes);
    const account = ACCOUNTS.indexOf(kind);
    await this.until(() =>
      this.#charges[account]! < this.#totals[account]! &&
      (kind !== K.ITEM || this.#callCredit(id) > 0)
    );
    const charge = length - 8 + FRAME_CHARGE;
    this.#charges[account]! += charge;
    if (kind === K.ITEM) {
      this.#callCharges.set(id, (this.#callCharges.get(id) ?? 0) + charge);
    }
    return bytes;
  }

  /** Returns whether an ITEM of a call has credit on both its accounts. */
  mayItem(id: number): boolean {
    return this.#charges[2]! < this.#totals[2]! && this.#callCredit(id) > 0;
  }

  #callCredit(id: number): number {
    return (this.#callTotals.get(id) ?? this.#streamWindow) -
      (this.#callCharges.get(id) ?? 0);
  }

  #receive(bytes: Uint8Array): void {
    if (this.#drops) return;
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    let at = 0;
    if (this.#readsHttp) at = this.#countResponses(all);
    while (!this.#readsHttp && all.length - at >= 12) {
      const { length } = headerOf(all.subarray(at));
      if (all.length - at < 4 + length) break;
      this.#onFrame(all.subarray(at, at + 4 + length));
      at += 4 + length;
    }
    this.#rest = all.slice(at);
    const { resolve } = this.#arrived;
    this.#arrived = Promise.withResolvers();
    resolve();
  }

  /** Counts HTTP responses by status; returns the number of bytes that are done. */
  #countResponses(bytes: Uint8Array): number {
    const text = String.fromCharCode(...bytes);
    let end = Math.max(0, bytes.length - STATUS_LINE);
    for (const { 1: status, index, 0: line } of text.matchAll(STATUS)) {
      this.#count(`HTTP ${status}`);
      end = Math.max(end, index + line.length);
    }
    return end;
  }

  #onFrame(bytes: Uint8Array): void {
    const { kind, id, flags } = headerOf(bytes);
    const body = bytes.subarray(12);
    const name = KIND_NAMES.get(kind) ?? `${kind}`;
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    switch (kind) {
      case K.HELLO:
        this.helloBody = body.slice();
        this.#totals[0] = view.getUint32(28);
        this.#totals[1] = view.getUint32(40);
        this.#totals[2] = view.getUint32(44);
        this.#streamWindow = view.getUint32(24);
        break;
      case K.GOAWAY:
        return this.#count(`${name} ${SESSION_ERROR_CODES[body[0]!]}`);
      case K.PING:
        if (this.pongs) this.send(frame(K.PONG, 0, body));
        break;
      case K.WINDOW:
        if (id < 3) this.#totals[id] = Number(view.getBigUint64(0));
        break;
      case K.CREDIT:
        this.#callTotals.set(id, Number(view.getBigUint64(0)));
        break;
      case K.RESULT:
        if ((flags & 1) === 0) this.inFlight--;
        break;
      case K.ERROR:
        if ((flags & 1) === 0) this.inFlight--;
        return this.#count(`${name} ${CALL_ERROR_CODES[body[0]!]}`);
    }
    this.#count(name);
  }

  #count(event: string): void {
    this.seen.set(event, (this.seen.get(event) ?? 0) + 1);
  }
}

function headerOf(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return {
    length: view.getUint32(0),
    kind: view.getUint8(4),
    flags: view.getUint8(5),
    id: view.getUint16(6) * 2 ** 32 + view.getUint32(8),
  };
}

/** Waits for some milliseconds. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
