/**
 * The write side of the pump: frames are gathered in one buffer while another
 * is being written.
 *
 * ```text
 *   begin … commit ──▶ filling ──(2 KiB, or end of turn)──▶ in flight ──▶ write
 *                         ▲                                    │
 *                         └──────── the pool of buffers ◀──────┘
 * ```
 *
 * @module
 */
import type { Connection } from "../transport/connection.ts";
import type { FrameEncoder, InPlaceFraming } from "./framing.ts";
import { acquire, release } from "./_buffers.ts";

/** Room in the outgoing buffer for one payload; see `FrameStream.begin`. */
export interface FrameRoom {
  /** The outgoing buffer. */
  buffer: Uint8Array;
  /** Where the payload begins. */
  start: number;
  /** Where the payload must end at the latest. */
  limit: number;
}

/**
 * Bytes that are written at once when no write is under way: waiting for the
 * end of the turn would make two peers work in lockstep, one asleep while the
 * other handles its batch (512 B to 4 KiB all gain, 8 KiB gains nothing).
 */
export const EARLY = 2 * 1024;

const NOTHING = new Uint8Array(0);
const DONE: Promise<void> = Promise.resolve();

/**
 * A payload above this may follow its header in a write of its own: what the
 * second write costs is then less than what the copy would.
 */
export const LARGE = 128 * 1024;

/** What goes out together: a buffer up to `end`, or a payload that is borrowed. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly end: number;
  /** What goes back to the pool. */
  readonly buffer?: Uint8Array<ArrayBuffer>;
}

/** Somebody who waits until `at` bytes have been written. */
interface Waiter {
  at: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** What the pump wants to hear of its write side. */
export interface OutgoingEvents {
  /** The transport took bytes. */
  onWritten(): void;
  /** The transport refused; nothing more will be written. */
  onRefused(error: unknown): void;
}

/** Frames on their way out of one connection. */
export class Outgoing {
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
  readonly #encoder: FrameEncoder;
  readonly #inPlace: InPlaceFraming | undefined;
  readonly #events: OutgoingEvents;
  readonly #onTurnEnd = (): void => this.#endTurn();
  readonly #onTaken = (count: number): void => this.#taken(count);
  readonly #onRefused = (error: unknown): void => this.#refuse(error);
  readonly #room: FrameRoom = { buffer: NOTHING, start: 0, limit: 0 };

  /** Being filled, up to `#end`. */
  #filling = NOTHING;
  #end = 0;
  /** Size of the last batches: the next one will likely be as large. */
  #usual = 0;
  #open = false;
  #turnScheduled = false;
  /** Being written, from `#from` on; `undefined` if none is. */
  #flight: Batch | undefined;
  #from = 0;
  /** Goes out before what is being filled: large payloads, and what is before them. */
  #queue: Batch[] = [];
  #waiters: Waiter[] = [];

  constructor(
    connection: Connection,
    encoder: FrameEncoder,
    events: OutgoingEvents,
  ) {
    this.#connection = connection;
    this.#encoder = encoder;
    this.#inPlace = encoder.inPlace;
    this.#events = events;
  }

  /** Room for a payload of up to `room` bytes. */
  begin(room: number): FrameRoom {
    if (this.ended !== undefined) throw this.ended.error;
    if (!(room >= 0)) {
      throw new RangeError(
        `Cannot begin a frame: room must be 0 bytes or more: current value is ${room}`,
      );
    }
    const found = this.#room;
    if (this.#inPlace !== undefined) {
      const { headroom, tailroom } = this.#inPlace;
      this.#reserve(headroom + room + tailroom);
      found.buffer = this.#filling;
      found.start = this.#end + headroom;
      found.limit = this.#filling.length - tailroom;
    } else {
      if (found.buffer.length < room || !this.#open) {
        this.#releaseScratch();
        found.buffer = acquire(room);
      }
      found.start = 0;
      found.limit = found.buffer.length;
    }
    this.#open = true;
    return found;
  }

  /** Frames what stands in the room. */
  commit(payloadEnd: number): void {
    const { buffer, start, limit } = this.#room;
    if (!this.#open) {
      throw new Error(
        "Cannot commit a frame: none is open: call begin() first, and commit() in the same turn",
      );
    }
    if (!(payloadEnd >= start && payloadEnd <= limit)) {
      throw new RangeError(
        `Cannot commit a frame: its payload must end between offset ${start} and ${limit}: current value is ${payloadEnd}`,
      );
    }
    this.#open = false;
    let end = this.#end;
    try {
      if (this.#inPlace !== undefined) {
        end = this.#inPlace.seal(this.#filling, this.#end, payloadEnd);
      } else {
        end = this.#encode(buffer.subarray(start, payloadEnd));
      }
    } finally {
      if (this.#inPlace === undefined) this.#releaseScratch();
      this.#advance(end);
    }
  }

  /** Drops what stands in the room. */
  abandon(): void {
    if (!this.#open) return;
    this.#open = false;
    if (this.#inPlace === undefined) this.#releaseScratch();
    this.#advance(this.#end);
  }

  /** Frames a copy of the payload. */
  write(payload: Uint8Array): void {
    this.#assertMayFrame();
    this.#advance(this.#encode(payload));
  }

  /**
   * Frames a payload, a large one without a copy if the layout lets it follow
   * its header.
   *
   * @returns whether the payload is borrowed until `flush(0)` settles
   */
  send(payload: Uint8Array): boolean {
    const { length } = payload;
    if (length <= LARGE || this.#encoder.encodeHeader === undefined) {
      this.write(payload);
      return false;
    }
    this.#assertMayFrame();
    this.#reserve(this.#encoder.maxEncodedLength(length) - length);
    const buffer = this.#filling;
    const end = this.#encoder.encodeHeader(length, buffer, this.#end);
    this.framed += end - this.#end + length;
    this.#queue.push({ bytes: buffer, end, buffer });
    this.#queue.push({ bytes: payload, end: length });
    this.#filling = NOTHING;
    this.#end = 0;
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
    this.refused = { error };
    this.ended = this.refused;
    this.#open = false;
    if (this.#inPlace === undefined) this.#releaseScratch();
    this.#releaseFilling();
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

  /** Frames a payload behind what stands in the buffer. */
  #encode(payload: Uint8Array): number {
    this.#reserve(this.#encoder.maxEncodedLength(payload.length));
    return this.#encoder.encodeInto(payload, this.#filling, this.#end);
  }

  #assertMayFrame(): void {
    if (this.ended !== undefined) throw this.ended.error;
    if (this.#open) {
      throw new Error(
        "Cannot write a frame: another one is open: commit or abandon it first",
      );
    }
  }

  #advance(end: number): void {
    this.framed += end - this.#end;
    this.#end = end;
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

  /** Makes room for `bytes` more behind `#end`. */
  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed <= this.#filling.length) return;
    const usual = this.#end === 0 ? this.#usual : 2 * this.#filling.length;
    const larger = acquire(Math.max(needed, usual));
    if (this.#end > 0) larger.set(this.#filling.subarray(0, this.#end));
    if (this.#filling !== NOTHING) release(this.#filling);
    this.#filling = larger;
  }

  /** Writes what comes next, unless a write is under way. */
  #start(): void {
    if (this.#flight !== undefined) return;
    const batch = this.#queue.shift() ?? this.#takeFilling();
    if (batch === undefined) return;
    this.#flight = batch;
    this.#from = 0;
    this.handed += batch.end;
    this.#push();
  }

  #takeFilling(): Batch | undefined {
    if (this.#open) return undefined;
    if (this.#end === 0) {
      this.#releaseFilling();
      return undefined;
    }
    const buffer = this.#filling;
    const batch = { bytes: buffer, end: this.#end, buffer };
    // An early write is small, and tells nothing of the batch behind it.
    this.#usual = Math.max(this.#end, this.#usual >> 1);
    this.#filling = NOTHING;
    this.#end = 0;
    return batch;
  }

  #push(): void {
    const { bytes, end } = this.#flight!;
    const piece = bytes.subarray(this.#from, end);
    try {
      this.#connection.write(piece).then(this.#onTaken, this.#onRefused);
    } catch (error) {
      this.#refuse(error);
    }
  }

  #taken(count: number): void {
    if (this.#flight === undefined) return; // closed meanwhile
    const { buffer, end } = this.#flight;
    const offered = end - this.#from;
    if (!(count > 0 && count <= offered)) {
      return this.#refuse(
        new Error(
          `Cannot write: the transport took ${count} of ${offered} bytes, which must be 1 at least and all at most`,
        ),
      );
    }
    this.written += count;
    this.#from += count;
    if (this.#waiters.length > 0) this.#settle();
    this.#events.onWritten();
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

  #releaseFilling(): void {
    if (this.#filling !== NOTHING) release(this.#filling);
    this.#filling = NOTHING;
    this.#end = 0;
  }

  /** Gives back the room of an encoder that cannot frame in place. */
  #releaseScratch(): void {
    const { buffer } = this.#room;
    if (buffer.length > 0) release(buffer as Uint8Array<ArrayBuffer>);
    this.#room.buffer = NOTHING;
  }
}

/** A rejection that may be ignored: the stream remembers the error anyway. */
export function rejected(error: unknown): Promise<never> {
  return handled(Promise.reject(error));
}

export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
