/**
 * The pump: a connection on one side, frames on the other. The only file of
 * this layer that waits.
 *
 * @module
 */
import type { Connection } from "../transport/connection.ts";

/** Options of {@linkcode frames}. */
export interface FramesOptions {
  /**
   * Who owns the frames that async iteration hands out: `"always"` copies each
   * one; `"never"` lends it until the next one is asked for; `"auto"` copies
   * unless the frame fills most of the memory it would pin.
   *
   * @default {"always"}
   */
  copy?: "always" | "auto" | "never";
  /**
   * Bytes unsent above which {@linkcode FrameStream.send} waits.
   *
   * @default {1048576}
   */
  highWaterMark?: number;
  /**
   * Milliseconds a frame may take from its first byte to its last; `0` is no
   * limit. Stops peers that hold a connection with half a frame.
   *
   * @default {30000}
   */
  frameTimeout?: number;
  /**
   * Frames handled from one read before the event loop gets a turn, so that
   * one peer cannot starve the others.
   *
   * @default {1024}
   */
  framesPerTurn?: number;
  /** Closes the connection when aborted. */
  signal?: AbortSignal;
}

/** Room in the outgoing buffer for one payload; see {@linkcode FrameStream.begin}. */
export interface FrameRoom {
  /** The outgoing buffer. */
  buffer: Uint8Array;
  /** Where the payload begins. */
  start: number;
  /** Where the payload must end at the latest. */
  limit: number;
}

/** A connection that carries frames. */
export interface FrameStream
  extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  /** Bytes framed that the transport has not taken yet. */
  readonly unsent: number;
  /** Bytes that the transport has taken so far. */
  readonly bytesWritten: number;
  /** Bytes read so far. */
  readonly bytesRead: number;

  /**
   * The direct form: calls `onFrame` for each frame, with no promise per
   * frame. The frame is a view that is valid during the call.
   *
   * @param onFrame gets each frame
   * @param afterRead called when all frames of a read have been handed out
   * @returns when the peer has ended its stream cleanly
   * @throws {FrameError} for a stream that cannot be decoded, a frame cut by
   * the end of the stream, a frame that took too long; or the transport's error
   */
  receive(
    onFrame: (frame: Uint8Array) => void,
    afterRead?: () => void,
  ): Promise<void>;

  /**
   * Opens a frame for a payload that is written in place: fill
   * `buffer[start…]`, then {@linkcode FrameStream.commit} or
   * {@linkcode FrameStream.abandon}, in the same turn. Calling it again before
   * that replaces the room (for a larger one). The object is the same each
   * time.
   *
   * @param room payload bytes that must fit
   */
  begin(room: number): FrameRoom;
  /**
   * Seals the open frame and leaves it to the next write.
   *
   * @param payloadEnd offset in the buffer behind the payload
   */
  commit(payloadEnd: number): void;
  /** Drops the open frame. */
  abandon(): void;
  /** Frames a payload into the outgoing buffer, whatever is unsent. */
  write(payload: Uint8Array): void;
  /**
   * Frames a payload and waits while more than `highWaterMark` is unsent.
   * The payload has been copied or sent when the promise settles.
   */
  send(payload: Uint8Array): Promise<void>;
  /** Waits until the transport has taken everything framed so far. */
  flush(): Promise<void>;
  /** Called after each write that the transport took, for writers that keep their own bounds. */
  onWritten: (() => void) | undefined;

  /** Flushes, then half-closes. */
  closeWrite(): Promise<void>;
  /** Closes the connection at once; what is unsent is lost. */
  close(): void;
  /**
   * Ends framing and gives the connection back with the bytes that were
   * received and not decoded, for an upgrade to another protocol.
   */
  detach(): Promise<{ connection: Connection; rest: Uint8Array }>;
}
