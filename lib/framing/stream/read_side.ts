/**
 * The read side of the pump: reads into its own buffers, passes the bytes to
 * the decoder, and limits the time that a frame may take.
 *
 * @module
 */
import type { FrameDecoder } from "../framing.ts";
import { view } from "../decode/uint.ts";
import type { ByteStream } from "./byte_stream.ts";
import type { FrameTimer } from "./frame_timer.ts";
import { ReadBuffers } from "./read_buffers.ts";

/** The reader that passes the bytes of one connection to a decoder. */
export class ReadSide {
  /** Number of bytes read so far. */
  bytesRead = 0;
  /** Number of frames decoded before the current chunk. */
  frames = 0;

  readonly #connection: ByteStream;
  readonly #decoder: FrameDecoder;
  readonly #memory = new ReadBuffers();

  /** Limits the time of each frame; created for the first one that takes several reads. */
  timer: FrameTimer | undefined = undefined;
  /** The read in progress. */
  pending: Promise<number | null> | undefined;
  /** The buffer of the read in progress. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;

  constructor(connection: ByteStream, decoder: FrameDecoder) {
    this.#connection = connection;
    this.#decoder = decoder;
  }

  /** Whether a read is in progress; if so, the transport owns the buffer. */
  get reading(): boolean {
    return this.#buffer !== undefined;
  }

  /** Bytes of memory that reading holds and no other limit counts. */
  get held(): number {
    return this.#decoder.held + this.#memory.uncounted;
  }

  /**
   * Begins a read. The decoder must have returned `undefined`, so that it no
   * longer refers to a chunk. Returns the transport's own promise, because a
   * wrapper would cost a turn of the microtask queue. The caller waits for it,
   * then calls {@linkcode ReadSide.take} or {@linkcode ReadSide.fail}.
   *
   * @param decoded number of frames that the last chunk completed
   */
  read(decoded: number): Promise<number | null> {
    this.frames += decoded;
    this.timer?.begin(this);
    this.#buffer = this.#memory.begin();
    return this.pending = this.#connection.read(this.#buffer);
  }

  /**
   * Passes the bytes of a read to the decoder.
   *
   * @returns whether bytes were read; `false` at the end of the stream
   * @throws {Error} if the transport returned an invalid count
   */
  take(count: number | null): boolean {
    const buffer = this.#buffer!;
    if (count === null) {
      this.fail();
      return false;
    }
    if (!(count > 0 && count <= buffer.length && count % 1 === 0)) {
      throw new Error(
        `Cannot read: the transport returned a count of ${count}; expected 1 to ${buffer.length}, or null`,
      );
    }
    this.#buffer = this.pending = undefined;
    this.#memory.end(count, buffer.length);
    this.bytesRead += count;
    this.#decoder.push(
      count === buffer.length ? buffer : view(buffer, 0, count),
    );
    return true;
  }

  /** Ends reading after a read that returned no bytes. */
  fail(): void {
    this.#buffer = this.pending = undefined;
    this.#memory.end(0, Infinity);
    this.stop();
  }

  /**
   * Transfers the buffer that contains a frame to the frame's owner. Returns
   * `false` if the buffer does not belong to this connection.
   */
  disown(frame: Uint8Array): boolean {
    return this.#memory.disown(frame);
  }

  /** Stops the frame timer until the next read. */
  pause(): void {
    this.timer?.stop();
  }

  /** Stops the frame timer and drops the buffers. */
  stop(): void {
    this.pause();
    this.#memory.drop();
  }
}
