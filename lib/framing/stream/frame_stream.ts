/**
 * Frames over a connection. The pump implements `FrameStream`; apart from the
 * web streams, it is the only part of this layer that waits.
 *
 * @module
 */
import type { Framing } from "../framing.ts";
import { type ByteStream, checkByteStream } from "./byte_stream.ts";
import type { FrameRoom } from "./write_buffer.ts";
import { type DetachedConnection, Pump } from "./pump.ts";
import {
  type FramesOptions,
  type ResolvedOptions,
  resolveOptions,
} from "./pump_options.ts";
import type { WriteSideEvents } from "./write_side.ts";

export type { ByteStream, DetachedConnection, FrameRoom, FramesOptions };

/**
 * A connection that carries frames.
 *
 * | call | writes | waits |
 * | --- | --- | --- |
 * | `begin` … `commit` | in place, no copy | never |
 * | `write` | a copy, or several parts as one frame | never |
 * | `send` | the same; above 128 KiB, the payload itself | while more than `highWaterMark` bytes are unsent; until a payload that is not copied is written |
 * | `flush` | | until everything is written |
 *
 * Frames from one turn of the event loop are written together at its end, or
 * earlier once 2 KiB are framed, or up to 16 KiB in a stream. A failed write ends the write side: every later
 * call to the write side reports the same error, and `receive` reports it after
 * the last frame.
 *
 * Only one reader, `receive`, `read` or a loop, may read frames at a time. Leaving
 * a loop with `break` ends neither the stream nor the connection: the next reader
 * continues with the next frame.
 *
 * @typeParam C type of the underlying connection
 *
 * @category Streams
 */
export interface FrameStream<C extends ByteStream = ByteStream>
  extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** The underlying connection. */
  readonly connection: C;
  /** Number of framed bytes that the transport has not accepted yet. */
  readonly unsent: number;
  /** Number of bytes that the transport has accepted so far. */
  readonly bytesWritten: number;
  /** Number of bytes framed so far. */
  readonly bytesFramed: number;
  /**
   * Number of framed bytes passed to the transport, accepted or not. Framed
   * bytes beyond this number were never sent.
   */
  readonly bytesHanded: number;
  /** Number of bytes read so far. */
  readonly bytesRead: number;
  /** Number of incoming frames that the framing skipped as invalid. */
  readonly skipped: number;
  /**
   * Maximum payload length in bytes, in both directions. A change, such as after
   * a login, applies to every incoming frame whose length is not known yet, and
   * to the next outgoing frame. `Infinity` means the longest frame that the
   * layout can carry.
   *
   * @throws {RangeError} if set to a limit that the layout cannot carry; the
   * limit stays as it was
   * @throws {Error} if a frame is open for writing (`begin`)
   */
  maxFrameLength: number;

  /**
   * Calls `onFrame` for each frame, without a promise per frame. The frame is a
   * view that is valid during the call. If `onFrame` or `afterTurn` throws,
   * the connection is closed and `receive` rejects with the exception. Only such
   * an exception counts as an unhandled rejection if the result is not awaited.
   *
   * @param onFrame called with each frame; it cannot be asynchronous, as its
   * frame would be overwritten and its errors would be lost. Use a loop instead.
   * @param afterTurn called after the last frame of each read, and earlier if
   * other connections get a turn before it
   * @returns a promise that resolves when the peer has ended its stream
   * cleanly, or when the stream has been closed or detached locally
   * @throws {FrameError} if the stream cannot be decoded or ends inside a
   * frame, or if a frame takes too long. Rejects with the transport's error if
   * reading or writing fails, and with the signal's reason if the signal is
   * aborted. All frames that were complete before the fault are passed to
   * `onFrame` first. A decoding or read error leaves the write side open, so
   * that the peer can be notified; a timeout or an aborted signal closes the
   * connection.
   */
  receive(
    // The result is ignored; a promise is not accepted, as it has a `then`.
    onFrame: (frame: Uint8Array) =>
      | void
      | null
      | boolean
      | number
      | bigint
      | string
      | symbol
      | (object & { readonly then?: never }),
    afterTurn?: () => void | boolean | number,
  ): Promise<void>;

  /**
   * Reads one frame. Later frames stay for the next call, for a loop or for
   * `receive`. Calls may be made before the one before has settled; they return
   * the next frames in order.
   *
   * With the option `copy: "never"`, the frame is valid until the next one is
   * requested.
   *
   * @example Wait for the reply to each request
   * ```ts
   * import { frames, lines } from "@lengthwise/lengthwise/framing";
   * import { memoryPair } from "@lengthwise/lengthwise/testing";
   * import { assertEquals } from "@std/assert";
   *
   * const [near, far] = memoryPair();
   * await using client = frames(near, lines());
   * await using server = frames(far, lines());
   *
   * client.write("PING");
   * const request = await server.read();
   * server.write("PONG ", request ?? "");
   * assertEquals(new TextDecoder().decode(await client.read() ?? undefined), "PONG PING");
   * await server.closeWrite();
   * assertEquals(await client.read(), null);
   * ```
   *
   * @returns the frame, or `null` when the peer has ended its stream cleanly or the
   * stream has been closed or detached locally
   * @throws the errors of `receive`; each later call throws the same error
   */
  read(): Promise<Uint8Array | null>;

  /**
   * Opens a frame whose payload is written in place. Fill `buffer` from `start`
   * on, then call {@linkcode FrameStream.commit} or
   * {@linkcode FrameStream.abandon} in the same turn. Calling `begin` again
   * before that replaces the space with a larger one and discards its content.
   * Every call returns the same object, whose `buffer` is pooled: codecs may
   * use it as a cache key.
   *
   * @param room minimum space for the payload, in bytes
   * @throws {RangeError} if `room` is negative or `NaN`
   * @throws the error that ended the write side
   */
  begin(room: number): FrameRoom;
  /**
   * Completes the open frame and adds it to the next write.
   *
   * @param payloadEnd offset in the buffer after the payload
   * @throws {RangeError} if `payloadEnd` is outside the space; the frame stays
   * open
   * @throws {FrameError} if the payload cannot be framed; the frame is dropped
   */
  commit(payloadEnd: number): void;
  /** Drops the open frame, if any. */
  abandon(): void;
  /**
   * Frames a copy of a payload. Never waits, however much is unsent.
   *
   * @param parts the payload, in one or several parts; text means its UTF-8 bytes
   * @throws {FrameError} if the payload cannot be framed; nothing is written
   * @throws the error that ended the write side
   */
  write(...parts: (string | Uint8Array)[]): void;
  /**
   * Frames a payload and waits while more than `highWaterMark` bytes are unsent.
   * A single part above 128 KiB is not copied if the layout allows it
   * (`FrameEncoder.encodeHeader`); it must not change until the promise
   * settles.
   *
   * @param parts the payload, in one or several parts; text means its UTF-8 bytes
   */
  send(...parts: (string | Uint8Array)[]): Promise<void>;
  /** Waits until the transport has accepted everything framed so far. */
  flush(): Promise<void>;
  /**
   * Called after each successful write; use it to limit `unsent` yourself. If
   * it throws, the write side ends as if the write had failed.
   */
  onWritten: (() => void) | undefined;
  /**
   * Called once, when writing becomes impossible: a write has failed, or the
   * connection was closed because a frame took too long to arrive.
   */
  onWriteFailed: ((error: unknown) => void) | undefined;

  /** Flushes, then half-closes; later writes fail. */
  closeWrite(): Promise<void>;
  /**
   * Closes the connection; unsent bytes are lost, but what was written arrives.
   *
   * Closing a socket with unread input would reset it and destroy bytes that
   * the peer has not read yet. Therefore, the connection is half-closed and its
   * input is discarded in the background until the peer ends its stream, for at
   * most 1 s and 256 KiB; only then is it closed, and a pending `receive` or loop
   * ends. A connection of the transport layer does this itself. A second call
   * closes at once.
   */
  close(): void;
  /** Closes the connection at once; written bytes may be lost, too. */
  abort(): void;
  /**
   * Returns the connection and the undecoded bytes, for switching protocols:
   * `frames((await old.detach()).stream, framing)` continues without loss.
   * Unsent bytes are written first. The frame stream cannot be used afterwards.
   * Call this between two frames: in `onFrame`, in the body of a loop, or after
   * `read`.
   *
   * @throws {Error} if a read is in progress, as its bytes would be lost
   */
  detach(): Promise<DetachedConnection<C>>;
}

/**
 * Carries frames over a connection.
 *
 * The connection is a socket of the transport layer, any `Deno.Conn`, or any
 * object with `read`, `write`, `closeWrite` and `[Symbol.dispose]`.
 *
 * The stream owns the connection: disposing the stream writes unsent bytes,
 * closes the connection as `close()` does, and waits for it. An idle stream holds
 * 2 KiB for reading. After a burst, it may hold a larger buffer of up to 64 KiB.
 * All idle streams together hold at most 4 MiB of these larger buffers, not
 * counting streams whose last read filled its buffer.
 *
 * @typeParam C type of the underlying connection
 *
 * @example Send frames over a TCP connection
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
 * @example Echo frames without a promise per frame
 * ```ts
 * import { type FrameStream } from "@lengthwise/lengthwise/framing";
 *
 * async function echo(stream: FrameStream): Promise<void> {
 *   await stream.receive((frame) => stream.write(frame));
 *   await stream.closeWrite();
 * }
 * ```
 *
 * @param connection the connection to read and write; the stream owns it
 * @param framing the framing for both directions
 * @param options see {@linkcode FramesOptions}
 * @returns the stream; if the signal is already aborted, the stream is closed
 * @throws {RangeError} if a numeric option is out of range
 * @throws {TypeError} if an option is unknown, `copy` is not a valid value, or the
 * connection lacks a method
 *
 * @category Streams
 */
export function frames<C extends ByteStream>(
  connection: C,
  framing: Framing,
  options: FramesOptions = {},
): FrameStream<C> {
  checkByteStream(connection);
  return new Pump(connection, framing, resolveOptions(options));
}

/**
 * Opens a frame stream with options that were checked before.
 *
 * @param events receiver of the events of writes, instead of the properties of
 * the stream
 * @throws {TypeError} if the connection lacks a method
 */
export function framesFor<C extends ByteStream>(
  connection: C,
  framing: Framing,
  options: ResolvedOptions,
  events: WriteSideEvents,
): Pump<C> {
  checkByteStream(connection);
  return new Pump(connection, framing, options, events);
}
