/**
 * The write side of the pump: frames are gathered in one buffer while another
 * is being written.
 *
 * ```text
 *   begin … commit ──▶ frames ──(2 KiB, or end of turn)──▶ in flight ──▶ write
 *                        ▲                                     │
 *                        └───────── the pool of buffers ◀──────┘
 * ```
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { FrameEncoder } from "../framing.ts";
import { release } from "./buffer_pool.ts";
import { type Batch, type FrameRoom, WriteBuffer } from "./write_buffer.ts";

/**
 * Bytes that are written at once when no write is under way: waiting for the
 * end of the turn would make two peers work in lockstep, one asleep while the
 * other handles its batch (512 B to 4 KiB all gain, 8 KiB gains nothing).
 */
export const EARLY = 2 * 1024;

/**
 * A payload above this may follow its header in a write of its own: what the
 * second write costs is then less than what the copy would.
 */
export const LARGE = 128 * 1024;

const DONE: Promise<void> = Promise.resolve();

/** Somebody who waits until `at` bytes have been written. */
interface Waiter {
  at: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** What the pump wants to hear of its write side. */
export interface WriteSideEvents {
  /** The transport took bytes. */
  onWritten(): void;
  /** The transport refused; nothing more will be written. */
  onRefused(error: unknown): void;
}

/** Frames on their way out of one connection. */
export class WriteSide {
  /** Bytes framed so far. */
  framed = 0;
  /** Bytes that were handed to the transport so far, taken or not. */
  handed = 0;
  /** Bytes that the transport has taken so far. */
  written = 0;
  /** Why nothing can be framed any more. */
  ended: { readonly error: unknown } | undefined;
  /** Why nothing can be written any more. */
  refused: { readonly error: unknown } | undefined;

  readonly #connection: Connection;
  readonly #events: WriteSideEvents;
  readonly #frames: WriteBuffer;
  readonly #onTurnEnd = (): void => this.#endTurn();
  readonly #onTaken = (count: number): void => this.#taken(count);
  readonly #onRefused = (error: unknown): void => this.#refuse(error);

  #turnScheduled = false;
  /** Goes out before the frames: large payloads, and what is before them. */
  #queue: Batch[] = [];
  /** Being written, from `#from` on; `undefined` if none is. */
  #flight: Batch | undefined;
  #from = 0;
  #waiters: Waiter[] = [];

  constructor(
    connection: Connection,
    encoder: FrameEncoder,
    events: WriteSideEvents,
  ) {
    this.#connection = connection;
    this.#events = events;
    this.#frames = new WriteBuffer(encoder);
  }

  /** Room for a payload of up to `room` bytes. */
  begin(room: number): FrameRoom {
    if (this.ended !== undefined) throw this.ended.error;
    return this.#frames.begin(room);
  }

  /** Frames what stands in the room. */
  commit(payloadEnd: number): void {
    const before = this.#frames.end;
    try {
      this.#frames.commit(payloadEnd);
    } finally {
      // Also after an error: a turn's end may have waited for this frame.
      this.#advance(before);
    }
  }

  /** Drops what stands in the room. */
  abandon(): void {
    if (!this.#frames.open) return;
    this.#frames.abandon();
    this.#advance(this.#frames.end);
  }

  /** Frames a copy of the payload. */
  write(payload: Uint8Array): void {
    if (this.ended !== undefined) throw this.ended.error;
    const before = this.#frames.end;
    this.#frames.write(payload);
    this.#advance(before);
  }

  /**
   * Frames a payload, a large one without a copy if the layout lets it follow
   * its header.
   *
   * @returns whether the payload is borrowed until `flush(0)` settles
   */
  send(payload: Uint8Array): boolean {
    const { length } = payload;
    if (this.ended !== undefined) throw this.ended.error;
    const before = this.#frames.end;
    if (length <= LARGE || !this.#frames.writeHeader(length)) {
      this.write(payload);
      return false;
    }
    this.framed += this.#frames.end - before + length;
    const header = this.#frames.take();
    if (header !== undefined) this.#queue.push(header);
    this.#queue.push({ bytes: payload, end: length });
    this.#start();
    return true;
  }

  /** Starts writing what is framed; settles when all but `spare` bytes of it are written. */
  flush(spare: number): Promise<void> {
    this.#start();
    if (this.refused !== undefined) return rejected(this.refused.error);
    const at = this.framed - spare;
    if (this.written >= at) return DONE;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiters.push({ at, resolve, reject });
    return handled(promise);
  }

  /** Writes what is framed, and takes no more frames for that reason. */
  finish(error: unknown): Promise<void> {
    this.abandon();
    this.ended ??= { error };
    return this.flush(0);
  }

  /** Drops what is framed, and takes and writes nothing more for that reason. */
  stop(error: unknown): void {
    if (this.refused !== undefined) return;
    this.ended = this.refused = { error };
    this.#frames.release();
    // The transport may still read a buffer in flight: it does not go back.
    this.#flight = undefined;
    this.#queue = [];
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(error);
  }

  #refuse(error: unknown): void {
    if (this.refused !== undefined) return;
    this.stop(error);
    this.#events.onRefused(error);
  }

  /** Counts what was framed behind `before`, and sees that it is written. */
  #advance(before: number): void {
    const { end } = this.#frames;
    this.framed += end - before;
    if (this.#flight !== undefined) return;
    if (end >= EARLY) {
      this.#start();
    } else if (!this.#turnScheduled) {
      this.#turnScheduled = true;
      queueMicrotask(this.#onTurnEnd);
    }
  }

  #endTurn(): void {
    this.#turnScheduled = false;
    this.#start();
  }

  /** Writes what comes next, unless a write is under way. */
  #start(): void {
    if (this.#flight !== undefined) return;
    const batch = this.#queue.shift() ?? this.#frames.take();
    if (batch === undefined) return;
    this.#flight = batch;
    this.#from = 0;
    this.handed += batch.end;
    this.#push();
  }

  #push(): void {
    const { bytes, end } = this.#flight!;
    const piece = bytes.subarray(this.#from, end);
    try {
      this.#connection.write(piece).then(this.#onTaken, this.#onRefused);
    } catch (error) {
      // In a turn of its own, as a rejection would: whoever is in the middle of
      // commit() is not told before it returns.
      queueMicrotask(() => this.#onRefused(error));
    }
  }

  #taken(count: number): void {
    if (this.#flight === undefined) return; // closed meanwhile
    const { buffer, end } = this.#flight;
    const offered = end - this.#from;
    if (!(count > 0 && count <= offered && count % 1 === 0)) {
      return this.#refuse(
        new Error(
          `Cannot write: the transport took ${count} of ${offered} bytes, which must be 1 at least and all at most`,
        ),
      );
    }
    this.written += count;
    this.#from += count;
    if (this.#waiters.length > 0) this.#settle();
    try {
      this.#events.onWritten();
    } catch (error) {
      return this.#refuse(error);
    }
    if (this.#flight === undefined) return; // closed by onWritten
    if (this.#from < end) return this.#push();
    if (buffer !== undefined) release(buffer);
    this.#flight = undefined;
    this.#start();
  }

  #settle(): void {
    this.#waiters = this.#waiters.filter((waiter) => {
      if (waiter.at > this.written) return true;
      waiter.resolve();
    });
  }
}

/** A rejection that may be ignored: the stream remembers the error anyway. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}

/** The promise, whose rejection may be ignored. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
