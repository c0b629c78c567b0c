/**
 * One end of a relayed session: a connection whose input waits for the output of
 * the other end.
 *
 * @module
 */
import type { ByteStream } from "../framing/stream/byte_stream.ts";
import { framesFor } from "../framing/stream/frame_stream.ts";
import type { WriteSideEvents } from "../framing/stream/write_side.ts";
import type { Pump } from "../framing/stream/pump.ts";
import type { LinkSettings } from "../messages/connection/link.ts";
import { encodeGoaway, type Goaway } from "../messages/session/wire/goaway.ts";
import {
  HEADER,
  Kind,
  putHeader,
} from "../messages/session/wire/frame_header.ts";
import { handled } from "../support/handled.ts";
import type { Connection } from "../transport/connection.ts";

/** Unsent bytes from which an end has no room for more. */
const FULL = 64 * 1024;

/** Milliseconds in which a peer must take some unsent bytes. */
export const STALL_TIME = 30_000;

/** The part: 1 KiB for each second. */
export const LEAST_TAKEN: number = 1024 * STALL_TIME / 1000;

/** Heap bytes of each unsent byte: buffers have room for more. */
const BUFFER_COST = 2;

/** A connection of the gateway. */
export class RelayEnd implements WriteSideEvents {
  /** The connection. */
  readonly connection: Connection;
  readonly #stream: Pump<ByteStream>;
  readonly #changed: () => void;
  /** Unsent bytes from which there is no room. */
  #full = FULL;
  /** Resolves when there is room for more. */
  #room: PromiseWithResolvers<void> | undefined = undefined;
  #stall: ReturnType<typeof setTimeout> | undefined = undefined;
  #ended = false;

  /**
   * @param connection the connection, which the end then owns
   * @param settings framing and time limits
   * @param roomAtOther returns a promise if the other end has no room
   * @param changed called when the end may hold more or less memory
   */
  constructor(
    connection: Connection,
    { framing, options }: LinkSettings,
    roomAtOther: () => Promise<void> | undefined,
    changed: () => void,
  ) {
    this.connection = connection;
    this.#changed = changed;
    const gated = new GatedStream(connection, () => {
      changed();
      return roomAtOther();
    });
    this.#stream = framesFor(gated, framing, options, this);
  }

  /** Number of bytes that the peer has not taken yet. */
  get unsent(): number {
    return this.#stream.unsent;
  }

  /** Number of heap bytes that the end holds. */
  get held(): number {
    const { heldByReading, unsent } = this.#stream;
    return heldByReading + BUFFER_COST * unsent;
  }

  /** Accepts no more than it sends at once, or 64 KiB again. */
  restrict(restricted: boolean): void {
    this.#full = restricted ? 0 : FULL;
    this.#checkRoom();
  }

  /** Reads a copy of one frame; `null` at the end of the stream. */
  read(): Promise<Uint8Array | null> {
    return this.#stream.read();
  }

  /** Reads frames, which are valid during the call. */
  receive(
    onFrame: (frame: Uint8Array) => void,
    onTurnEnd: () => void,
  ): Promise<void> {
    return this.#stream.receive(onFrame, onTurnEnd);
  }

  /** Writes a frame; drops it if nothing can be written any more. */
  write(frame: Uint8Array): void {
    if (!this.#ended) this.#stream.write(frame);
  }

  /** Writes a GOAWAY. */
  goAway(goaway: Goaway): void {
    const body = encodeGoaway(goaway);
    const frame = new Uint8Array(HEADER + body.length);
    putHeader(frame, 0, Kind.GOAWAY, 0, 0);
    frame.set(body, HEADER);
    this.write(frame);
  }

  /** Returns a promise of room; `undefined` if there is room now. */
  room(): Promise<void> | undefined {
    if (this.#ended || this.#stream.unsent <= this.#full) return undefined;
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers();
      if (this.#stall === undefined) this.#watch();
    }
    return this.#room.promise;
  }

  /**
   * Aborts the connection unless the peer takes enough bytes in time.
   *
   * Room does not end this, as a slow peer makes room now and then.
   */
  #watch(): void {
    const least = this.#stream.bytesWritten + LEAST_TAKEN;
    this.#stall = setTimeout(() => {
      if (this.#stream.bytesWritten >= least) this.#watch();
      else this.abort();
    }, STALL_TIME);
  }

  #unwatch(): void {
    clearTimeout(this.#stall);
    this.#stall = undefined;
  }

  #hasRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Called after the transport has accepted bytes. */
  onWritten(): void {
    if (this.#stall !== undefined && this.#stream.unsent === 0) this.#unwatch();
    this.#checkRoom();
    this.#changed();
  }

  #checkRoom(): void {
    if (this.#room !== undefined && this.#stream.unsent <= this.#full) {
      this.#hasRoom();
    }
  }

  /** Called when nothing more can be written. */
  onWriteFailed(): void {
    this.#end();
  }

  /** Writes no more frames. */
  #end(): void {
    this.#ended = true;
    this.#unwatch();
    this.#hasRoom();
  }

  /** Sends what is unsent, and ends the outgoing stream. */
  closeWrite(): void {
    if (this.#ended) return;
    this.#end();
    handled(this.#stream.closeWrite());
  }

  /** Closes the connection at once. */
  abort(): void {
    this.#end();
    this.#stream.abort();
  }

  /** Closes the connection; what was written still arrives. */
  async dispose(): Promise<void> {
    this.#end();
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** A connection that is read only while the other end has room. */
class GatedStream implements ByteStream {
  readonly #connection: ByteStream;
  readonly #room: () => Promise<void> | undefined;
  readonly [Symbol.asyncDispose]?: () => PromiseLike<void>;

  constructor(connection: ByteStream, room: () => Promise<void> | undefined) {
    this.#connection = connection;
    this.#room = room;
    const dispose = connection[Symbol.asyncDispose];
    if (dispose !== undefined) {
      this[Symbol.asyncDispose] = () => dispose.call(connection);
    }
  }

  read(buffer: Uint8Array): Promise<number | null> {
    const waiting = this.#room();
    return waiting === undefined
      ? this.#connection.read(buffer)
      : waiting.then(() => this.#connection.read(buffer));
  }

  write(data: Uint8Array): Promise<number> {
    return this.#connection.write(data);
  }

  closeWrite(): Promise<void> {
    return this.#connection.closeWrite();
  }

  close(): void {
    this.#connection.close?.();
  }

  [Symbol.dispose](): void {
    this.#connection[Symbol.dispose]();
  }
}
