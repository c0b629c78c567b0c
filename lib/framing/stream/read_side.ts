/**
 * The read side of the pump: reads into memory of its own, hands the bytes to
 * the decoder, and watches how long a frame takes.
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { FrameDecoder } from "../framing.ts";
import { FrameError } from "../errors.ts";
import { view } from "../decode/uint.ts";
import { ReadBuffers } from "./read_buffers.ts";

/** Bytes on their way into one decoder. */
export class ReadSide {
  /** Bytes read so far. */
  bytesRead = 0;
  /** Frames decoded before the chunk at hand. */
  frames = 0;

  readonly #connection: Connection;
  readonly #decoder: FrameDecoder;
  readonly #frameTimeout: number;
  readonly #onTimeout: (error: FrameError) => void;
  readonly #onTimer = (): void => this.#timerFired();

  readonly #memory = new ReadBuffers();

  /** What the read under way fills. */
  #buffer: Uint8Array<ArrayBuffer> | undefined;
  #skipped = 0;
  /** A frame has begun and is not whole; since when. */
  #owed = false;
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

  /** A read is under way: the transport owns the memory and the next bytes. */
  get reading(): boolean {
    return this.#buffer !== undefined;
  }

  /**
   * Begins a read, after the decoder has said "not yet" and so refers to no
   * chunk any more. Whoever reads waits for the transport's own promise (each
   * function between would cost a turn of the microtask queue), then calls
   * {@linkcode ReadSide.take} or {@linkcode ReadSide.fail}.
   *
   * @param decoded how many frames the last chunk completed
   */
  read(decoded: number): Promise<number | null> {
    this.frames += decoded;
    if (this.#frameTimeout > 0) this.#watch(decoded > 0);
    this.#buffer = this.#memory.begin();
    return this.#connection.read(this.#buffer);
  }

  /**
   * Hands the bytes of a read to the decoder.
   *
   * @returns whether bytes came; `false` is the end of the stream
   * @throws {Error} if the transport says what cannot be
   */
  take(count: number | null): boolean {
    const buffer = this.#buffer!;
    if (count === null) {
      this.fail();
      return false;
    }
    if (!(count > 0 && count <= buffer.length && count % 1 === 0)) {
      throw new Error(
        `Cannot read: the transport gave ${count} bytes for ${buffer.length}, which must be 1 at least and all at most`,
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

  /** The read has given no bytes, and none will follow. */
  fail(): void {
    this.#buffer = undefined;
    this.#memory.end(0, Infinity);
    this.stop();
  }

  /** The memory of the last chunk goes with the frame that fills it. */
  disown(frame: Uint8Array): boolean {
    return this.#memory.disown(frame);
  }

  /** Stops the clock until the next read: nobody asks for frames. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Stops the clock and lets go of the memory. */
  stop(): void {
    this.pause();
    this.#memory.drop();
  }

  /** Notes since when a frame is owed, and arms the timer if it is not. */
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
   * One timer for all frames: it fires at the deadline of the frame that armed
   * it, and most often finds that frame whole. While no read waits, it is not
   * the peer that is slow, and the next read arms it again.
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
        "timeout",
        `Cannot wait longer for the rest of a frame: ${rest.length} bytes of it came within ${this.#frameTimeout} ms`,
        {
          frameIndex: this.frames + this.#decoder.skipped,
          streamOffset: this.bytesRead - rest.length,
          head: rest,
        },
      ),
    );
  }
}
