/**
 * The write side of the pump: collects frames in one buffer while another is
 * being written.
 *
 * ```text
 *   begin … commit ──▶ frames ──(2 KiB, or end of turn)──▶ in flight ──▶ write
 *                        ▲                                     │
 *                        └──────────── buffer pool ◀───────────┘
 * ```
 *
 * Frames that answer what was read are written when their turn ends. Frames that
 * follow others without a read between them are probably items of a stream: they
 * wait a few microtasks for the next item, so that a write takes many of them.
 *
 * @module
 */
import { handled } from "../../support/handled.ts";
import type { FrameEncoder } from "../framing.ts";
import { release } from "./buffer_pool.ts";
import type { ByteStream } from "./byte_stream.ts";
import { type Batch, type FrameRoom, WriteBuffer } from "./write_buffer.ts";

/**
 * Framed bytes at which a write starts before the turn ends. A write in
 * progress must end first. Waiting for the end of the turn would make two peers
 * work in lockstep, each idle while the other handles its batch. Values from
 * 512 B to 4 KiB all improve throughput; 8 KiB does not.
 */
export const EARLY = 2 * 1024;

/**
 * The same for a stream: its first write has 2 KiB, so that the peer can begin,
 * and each further one twice as much, up to this. Every write takes as long as
 * encoding about 20 items of 100 bytes.
 */
export const EARLY_OF_STREAM = 16 * 1024;

/**
 * Number of microtasks that frames of a stream wait for others. The
 * item of an async generator follows the one before it after 6.
 */
const PATIENCE = 8;

/**
 * Payload length above which a second write is cheaper than a copy. A longer
 * payload may follow its header in a separate write.
 */
export const LARGE = 128 * 1024;

const DONE: Promise<void> = /* @__PURE__ */ Promise.resolve();

/** A promise that resolves when `at` bytes have been written. */
interface Waiter {
  at: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Callbacks of the write side. */
export interface WriteSideEvents {
  /** Called after each successful write. */
  onWritten?: (() => void) | undefined;
  /** Called when a write has failed; no more bytes will be written. */
  onWriteFailed?: ((error: unknown) => void) | undefined;
}

/** The writer of frames to one connection. */
export class WriteSide {
  /** Number of bytes framed so far. */
  framed = 0;
  /** Number of bytes passed to the transport so far, accepted or not. */
  handed = 0;
  /** Number of bytes that the transport has accepted so far. */
  written = 0;
  /** The reason why no more frames are accepted. */
  ended: { readonly error: unknown } | undefined;
  /** The reason why no more bytes can be written. */
  failure: { readonly error: unknown } | undefined;

  readonly #connection: ByteStream;
  readonly #events: WriteSideEvents;
  readonly #frames: WriteBuffer;
  readonly #onTurnEnd = (): void => this.#endTurn();
  readonly #onAccepted = (count: number): void => this.#accept(count);
  readonly #onFailed = (error: unknown): void => this.#fail(error);

  #turnScheduled = false;
  /** Number of microtasks left until the turn ends. */
  #left = 0;
  /** Whether frames have been written since the last read. */
  #streams = false;
  /** Framed bytes at which the next write starts before the turn ends. */
  #early = EARLY;
  /** Batches to write before `#frames`: large payloads and frames before them. */
  #queue: Batch[] | undefined = undefined;
  /** The batch being written, from `#from` on. */
  #flight: Batch | undefined;
  #from = 0;
  #waiters: Waiter[] | undefined = undefined;

  constructor(
    connection: ByteStream,
    encoder: FrameEncoder,
    events: WriteSideEvents,
  ) {
    this.#connection = connection;
    this.#events = events;
    this.#frames = new WriteBuffer(encoder);
  }

  /** Changes the maximum payload length of frames not begun yet. */
  limit(maxFrameLength: number): void {
    this.#frames.limit(maxFrameLength);
  }

  /** Opens a frame with space for a payload of `room` bytes. */
  begin(room: number): FrameRoom {
    if (this.ended !== undefined) throw this.ended.error;
    return this.#frames.begin(room);
  }

  /** Frames the payload that was written into the space. */
  commit(payloadEnd: number): void {
    const before = this.#frames.end;
    try {
      this.#frames.commit(payloadEnd);
    } finally {
      // Schedule a write even after an error: the open frame may have delayed
      // it.
      this.#advance(before);
    }
  }

  /** Drops the open frame, if any. */
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

  /** Frames a payload of several parts, of which texts become UTF-8. */
  writeParts(parts: readonly (string | Uint8Array)[]): void {
    if (this.ended !== undefined) throw this.ended.error;
    const before = this.#frames.end;
    this.#frames.writeParts(parts);
    this.#advance(before);
  }

  /**
   * Frames a payload. A large one is not copied if the layout allows it.
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
    const queue = this.#queue ??= [];
    if (header !== undefined) queue.push(header);
    queue.push({ bytes: payload, end: length });
    this.#start();
    return true;
  }

  /** Starts writing; resolves when at most `spare` framed bytes are unsent. */
  flush(spare: number): Promise<void> {
    this.#start();
    if (this.failure !== undefined) return rejected(this.failure.error);
    const at = this.framed - spare;
    if (this.written >= at) return DONE;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    (this.#waiters ??= []).push({ at, resolve, reject });
    return handled(promise);
  }

  /** Writes all framed bytes; later calls throw `error`. */
  finish(error: unknown): Promise<void> {
    this.abandon();
    this.ended ??= { error };
    return this.flush(0);
  }

  /** Drops all framed bytes; pending and later calls fail with `error`. */
  stop(error: unknown): void {
    if (this.failure !== undefined) return;
    this.ended = this.failure = { error };
    this.#frames.release();
    // The transport may still read a buffer in flight, so it is not released.
    this.#flight = undefined;
    this.#queue = undefined;
    const waiters = this.#waiters ?? [];
    this.#waiters = undefined;
    for (const { reject } of waiters) reject(error);
  }

  #fail(error: unknown): void {
    if (this.failure !== undefined) return;
    this.stop(error);
    this.#events.onWriteFailed?.(error);
  }

  /** Counts the bytes framed after `before` and schedules their write. */
  #advance(before: number): void {
    this.framed += this.#frames.end - before;
    this.#schedule();
  }

  /** Writes what is framed, now or at the end of the turn. */
  #schedule(): void {
    if (this.#flight !== undefined) return;
    const { end } = this.#frames;
    if (this.#queue !== undefined || end >= this.#early) {
      if (this.#streams) {
        this.#early = Math.min(2 * this.#early, EARLY_OF_STREAM);
      }
      return this.#start();
    }
    if (end === 0) return;
    this.#left = this.#streams ? PATIENCE : 1;
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    queueMicrotask(this.#onTurnEnd);
  }

  #endTurn(): void {
    if (--this.#left > 0) return queueMicrotask(this.#onTurnEnd);
    this.#turnScheduled = false;
    this.#early = EARLY;
    this.#start();
  }

  /** Records that bytes have been read, which the next frames may answer. */
  onRead(): void {
    this.#streams = false;
    this.#early = EARLY;
  }

  /** Writes the next batch, unless a write is in progress. */
  #start(): void {
    if (this.#flight !== undefined) return;
    const batch = this.#nextQueued() ?? this.#frames.take();
    if (batch === undefined) return;
    this.#flight = batch;
    this.#streams = true;
    this.#from = 0;
    this.handed += batch.end;
    this.#push();
  }

  #nextQueued(): Batch | undefined {
    const next = this.#queue?.shift();
    if (this.#queue?.length === 0) this.#queue = undefined;
    return next;
  }

  #push(): void {
    const { bytes, end } = this.#flight!;
    const piece = bytes.subarray(this.#from, end);
    try {
      this.#connection.write(piece).then(this.#onAccepted, this.#onFailed);
    } catch (error) {
      // Report it asynchronously, like a rejection: onWriteFailed must not be
      // called before commit() returns.
      queueMicrotask(() => this.#onFailed(error));
    }
  }

  #accept(count: number): void {
    if (this.#flight === undefined) return; // closed in the meantime
    const { buffer, end } = this.#flight;
    const offered = end - this.#from;
    if (!(count > 0 && count <= offered && count % 1 === 0)) {
      return this.#fail(
        new Error(
          `Cannot write: the transport returned a count of ${count}; expected 1 to ${offered}`,
        ),
      );
    }
    this.written += count;
    this.#from += count;
    if (this.#waiters !== undefined) this.#settle(this.#waiters);
    try {
      this.#events.onWritten?.();
    } catch (error) {
      return this.#fail(error);
    }
    if (this.#flight === undefined) return; // closed by onWritten
    if (this.#from < end) return this.#push();
    if (buffer !== undefined) release(buffer);
    this.#flight = undefined;
    this.#schedule();
  }

  #settle(waiters: readonly Waiter[]): void {
    const left = waiters.filter((waiter) => {
      if (waiter.at > this.written) return true;
      waiter.resolve();
    });
    this.#waiters = left.length > 0 ? left : undefined;
  }
}

/** Returns a rejected promise that may be ignored; the stream keeps the error. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}
