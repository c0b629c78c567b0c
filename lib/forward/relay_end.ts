/**
 * One end of a relayed session: a connection whose input waits for the output of
 * the other end.
 *
 * @module
 */
import {
  type ByteStream,
  framesFor,
  type FrameStream,
} from "../framing/stream/frame_stream.ts";
import type { WriteSideEvents } from "../framing/stream/write_side.ts";
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

/** Milliseconds for which a peer may take none of the unsent bytes. */
export const STALL_TIME = 30_000;

/** A connection of the gateway. */
export class RelayEnd implements WriteSideEvents {
  /** The connection. */
  readonly connection: Connection;
  readonly #stream: FrameStream;
  /** Resolves when there is room for more. */
  #room: PromiseWithResolvers<void> | undefined = undefined;
  #stall: ReturnType<typeof setTimeout> | undefined = undefined;
  #ended = false;

  /**
   * @param connection the connection, which the end then owns
   * @param settings framing and time limits
   * @param roomAtOther returns a promise if the other end has no room
   */
  constructor(
    connection: Connection,
    { framing, options }: LinkSettings,
    roomAtOther: () => Promise<void> | undefined,
  ) {
    this.connection = connection;
    const gated = new GatedStream(connection, roomAtOther);
    this.#stream = framesFor(gated, framing, options, this);
  }

  /** Number of bytes that the peer has not taken yet. */
  get unsent(): number {
    return this.#stream.unsent;
  }

  /** Number of frames' bytes that were read. */
  get bytesRead(): number {
    return this.#stream.bytesRead;
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
    if (this.#ended || this.#stream.unsent <= FULL) return undefined;
    if (this.#room === undefined) {
      this.#room = Promise.withResolvers();
      this.#watch();
    }
    return this.#room.promise;
  }

  /** Aborts the connection unless the peer takes bytes in time. */
  #watch(): void {
    const { bytesWritten } = this.#stream;
    this.#stall = setTimeout(() => {
      if (this.#stream.bytesWritten > bytesWritten) this.#watch();
      else this.abort();
    }, STALL_TIME);
  }

  #hasRoom(): void {
    clearTimeout(this.#stall);
    this.#room?.resolve();
    this.#room = undefined;
  }

  /** Called after the transport has accepted bytes. */
  onWritten(): void {
    if (this.#room !== undefined && this.#stream.unsent <= FULL) {
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
