/**
 * The read side of the pump: reads into its own buffers, passes the bytes to
 * the decoder, and limits the time that a frame may take.
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { FrameDecoder } from "../framing.ts";
import { FrameError } from "../errors.ts";
import { view } from "../decode/uint.ts";
import { ReadBuffers } from "./read_buffers.ts";

/** The reader that passes the bytes of one connection to a decoder. */
export class ReadSide {
  /** Number of bytes read so far. */
  bytesRead = 0;
  /** Number of frames decoded before the current chunk. */
  frames = 0;

  readonly #connection: Connection;
  readonly #decoder: FrameDecoder;
  readonly #frameTimeout: number;
  readonly #onTimeout: (error: FrameError) => void;
  readonly #onTimer = (): void => this.#timerFired();

  readonly #memory = new ReadBuffers();

  /** The buffer of the read in progress. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #skipped = 0;
  /** Whether a frame has begun but is incomplete. */
  #owed = false;
  /** Time at which the incomplete frame began. */
  #since = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    connection: Connection,
    decoder: FrameDecoder,
    frameTimeout: number,
    onTimeout: (error: FrameError) => void,
  ) {
    this.#connection = connection;
    this.#decoder = decoder;
    this.#frameTimeout = frameTimeout;
    this.#onTimeout = onTimeout;
  }

  /** Whether a read is in progress; if so, the transport owns the buffer. */
  get reading(): boolean {
    return this.#buffer !== undefined;
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
    if (this.#frameTimeout > 0) this.#watch(decoded > 0);
    this.#buffer = this.#memory.begin();
    return this.#connection.read(this.#buffer);
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
    this.#buffer = undefined;
    this.#memory.end(count, buffer.length);
    this.bytesRead += count;
    this.#decoder.push(
      count === buffer.length ? buffer : view(buffer, 0, count),
    );
    return true;
  }

  /** Ends reading after a read that returned no bytes. */
  fail(): void {
    this.#buffer = undefined;
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
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Stops the frame timer and drops the buffers. */
  stop(): void {
    this.pause();
    this.#memory.drop();
  }

  /** Records when an incomplete frame began, and arms the timer for it. */
  #watch(progress: boolean): void {
    const { skipped } = this.#decoder;
    if (progress || !this.#owed || skipped !== this.#skipped) {
      this.#skipped = skipped;
      this.#owed = this.#decoder.owed;
      if (this.#owed) this.#since = performance.now();
    }
    if (this.#owed && this.#timer === undefined) this.#arm();
  }

  #arm(): void {
    const left = this.#since + this.#frameTimeout - performance.now();
    this.#timer = setTimeout(this.#onTimer, Math.max(0, left));
  }

  /**
   * Checks the deadline. All frames share one timer, which fires at the
   * deadline of the frame that armed it; that frame is usually complete by
   * then. If no read is in progress, the peer did not cause the delay, and the
   * next read arms the timer again.
   */
  #timerFired(): void {
    this.#timer = undefined;
    if (!this.#owed || !this.reading) return;
    if (performance.now() - this.#since < this.#frameTimeout) {
      return this.#arm();
    }
    const rest = this.#decoder.rest();
    this.#onTimeout(
      new FrameError(
        `Cannot wait longer for the rest of a frame: only ${rest.length} bytes of it arrived within ${this.#frameTimeout} ms`,
        {
          code: "timeout",
          frameIndex: this.frames + this.#decoder.skipped,
          streamOffset: this.bytesRead - rest.length,
          head: rest,
        },
      ),
    );
  }
}
