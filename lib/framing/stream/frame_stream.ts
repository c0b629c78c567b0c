/**
 * Frames over a connection. The pump behind it is the only part of this layer
 * that waits.
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { Framing } from "../framing.ts";
import type { FrameRoom } from "./write_buffer.ts";
import { type DetachedConnection, Pump } from "./pump.ts";
import { type FramesOptions, resolveOptions } from "./pump_options.ts";

export type { DetachedConnection, FrameRoom, FramesOptions };

/**
 * A connection that carries frames.
 *
 * | call | writes | waits |
 * | --- | --- | --- |
 * | `begin` … `commit` | in place, no copy | never |
 * | `write` | a copy | never |
 * | `send` | a copy; above 128 KiB the payload itself | above `highWaterMark`; for the payload itself |
 * | `flush` | | until all is written |
 *
 * Frames of one turn leave together, in one write. A write that the transport
 * refuses ends the write side: the error is remembered, and every later call
 * of the write side reports it; `receive` reports it after the last frame.
 *
 * Frames are read by one reader at a time, `receive` or a loop. Who leaves a
 * loop with `break` ends neither the stream nor the connection: the next
 * reader goes on with the next frame.
 */
export interface FrameStream
  extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** The connection underneath. */
  readonly connection: Connection;
  /** Bytes framed that the transport has not taken yet. */
  readonly unsent: number;
  /** Bytes that the transport has taken so far. */
  readonly bytesWritten: number;
  /** Bytes framed so far. */
  readonly bytesFramed: number;
  /** Bytes of those that were handed to the transport, taken or not: what lies behind never left. */
  readonly bytesHanded: number;
  /** Bytes read so far. */
  readonly bytesRead: number;

  /**
   * The direct form: calls `onFrame` for each frame, with no promise per
   * frame. The frame is a view that is valid during the call. An exception of
   * either function closes the connection and comes out of `receive`.
   *
   * @param onFrame gets each frame
   * @param afterRead called when all frames of a read have been handed out
   * @returns when the peer has ended its stream cleanly, or this side has
   * closed or detached the stream
   * @throws {FrameError} for a stream that cannot be decoded, a frame cut by
   * the end of the stream, a frame that took too long (the connection is
   * closed then); or the transport's error, or the signal's reason. All frames
   * that were whole before the fault have been handed out first, and but for
   * the timeout the write side stays open, to tell the peer.
   */
  receive(
    onFrame: (frame: Uint8Array) => void,
    afterRead?: () => void,
  ): Promise<void>;

  /**
   * Opens a frame for a payload that is written in place: fill
   * `buffer[start…]`, then {@linkcode FrameStream.commit} or
   * {@linkcode FrameStream.abandon}, in the same turn. Calling it again before
   * that replaces the room (for a larger one); what was written there is not
   * kept. The object is the same each time, and so is the `Uint8Array` of each
   * buffer.
   *
   * @param room payload bytes that must fit; there may be more
   * @throws {RangeError} if `room` is negative or no number
   * @throws the error that ended the write side
   */
  begin(room: number): FrameRoom;
  /**
   * Seals the open frame and leaves it to the next write.
   *
   * @param payloadEnd offset in the buffer behind the payload
   * @throws {RangeError} if it lies outside the room; the frame stays open
   * @throws {FrameError} if the payload cannot be framed; the frame is dropped
   */
  commit(payloadEnd: number): void;
  /** Drops the open frame, if there is one. */
  abandon(): void;
  /**
   * Frames a payload into the outgoing buffer, whatever is unsent.
   *
   * @throws {FrameError} if the payload cannot be framed; nothing is written
   * @throws the error that ended the write side
   */
  write(payload: Uint8Array): void;
  /**
   * Frames a payload and waits while more than `highWaterMark` is unsent.
   * A payload above 128 KiB is not copied where the layout lets it follow its
   * header as it is (`FrameEncoder.encodeHeader`): it must not
   * change until the promise settles.
   */
  send(payload: Uint8Array): Promise<void>;
  /** Waits until the transport has taken everything framed so far. */
  flush(): Promise<void>;
  /**
   * Called after each write that the transport took, for writers that keep
   * their own bounds. An exception of it ends the write side, as if the
   * transport had refused.
   */
  onWritten: (() => void) | undefined;
  /**
   * Called once, when nothing can be written any more: the transport has
   * refused a write, or a frame took too long to come and the connection was
   * closed for it.
   */
  onWriteFailed: ((error: unknown) => void) | undefined;

  /** Flushes, then half-closes; nothing can be framed from the call on. */
  closeWrite(): Promise<void>;
  /** Closes the connection at once; what is unsent is lost. */
  close(): void;
  /**
   * Ends framing and gives the connection back with the bytes that were
   * received and not decoded, for an upgrade to another protocol. What is
   * unsent is written first. Call it between two frames: in `onFrame`, or in
   * the body of a loop.
   *
   * @throws {Error} while a read is under way: its bytes would be lost
   */
  detach(): Promise<DetachedConnection>;
}

/**
 * Carries frames over a connection: a socket of the transport layer, any
 * `Deno.Conn` as it is, or whatever has its few methods.
 *
 * The stream owns the connection: disposing the stream writes what is unsent
 * and closes both. While no bytes move it holds 2 KiB, and
 * behind a burst up to 64 KiB, of which all streams together hold 4 MiB.
 *
 * @example Frames from one process to another
 * ```ts
 * import { frames, u32be } from "@lengthwise/lengthwise/framing";
 * import { assertEquals } from "@std/assert";
 *
 * using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const { port } = listener.addr;
 * const connecting = Deno.connect({ hostname: "127.0.0.1", port });
 * await using server = frames(await listener.accept(), u32be());
 * await using client = frames(await connecting, u32be());
 *
 * for (const word of ["one", "two", "three"]) {
 *   await client.send(new TextEncoder().encode(word));
 * }
 * await client.closeWrite();
 *
 * const words: string[] = [];
 * for await (const frame of server) words.push(new TextDecoder().decode(frame));
 * assertEquals(words, ["one", "two", "three"]);
 * ```
 *
 * @example An echo server's whole loop, without a copy or a promise per frame
 * ```ts
 * import { type FrameStream } from "@lengthwise/lengthwise/framing";
 *
 * async function echo(stream: FrameStream): Promise<void> {
 *   await stream.receive((frame) => stream.write(frame));
 *   await stream.closeWrite();
 * }
 * ```
 *
 * @param connection where the bytes go and come from; the stream owns it
 * @param framing how frames are marked, in both directions
 * @param options see {@linkcode FramesOptions}
 * @returns the stream; if the signal is aborted already, it is closed
 * @throws {RangeError} for an option that makes no sense
 */
export function frames(
  connection: Connection,
  framing: Framing,
  options: FramesOptions = {},
): FrameStream {
  return new Pump(connection, framing, resolveOptions(options));
}
