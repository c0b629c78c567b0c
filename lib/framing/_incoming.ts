/**
 * The read side of the pump: reads into memory of its own, hands the bytes to
 * the decoder, and watches how long a frame takes.
 *
 * @module
 */
import type { Connection } from "../transport/connection.ts";
import type { FrameDecoder } from "./framing.ts";
import { FrameError } from "./errors.ts";
import { acquire, release, SLAB } from "./_buffers.ts";

/** What a connection that waits for its peer holds. */
export const IDLE_READ = 2 * 1024;

/** Bytes on their way into one decoder. */
export class Incoming {
  /** Bytes read so far. */
  bytesRead = 0;
  /** Frames decoded before the chunk at hand. */
  frames = 0;

  readonly #connection: Connection;
  readonly #decoder: FrameDecoder;
  readonly #frameTimeout: number;
  readonly #onTimeout: (error: FrameError) => void;
  readonly #onTimer = (): void => this.#timerFired();

  #idle: Uint8Array<ArrayBuffer> | undefined;
  #slab: Uint8Array<ArrayBuffer> | undefined;
  /** The last read filled its buffer: there is likely more. */
  #full = false;

  #reading = false;
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
    return this.#reading;
  }

  /**
   * Reads once, after the decoder has said "not yet" and so refers to no
   * chunk any more.
   *
   * @param decoded how many frames the last chunk completed
   * @returns whether bytes came; `false` is the end of the stream
   */
  async fill(decoded: number): Promise<boolean> {
    this.frames += decoded;
    if (this.#frameTimeout > 0) this.#watch(decoded > 0);
    const buffer = this.#buffer();
    this.#reading = true;
    let count: number | null;
    try {
      count = await this.#connection.read(buffer);
    } catch (error) {
      // The transport may still write into the memory: none goes back.
      this.#slab = this.#idle = undefined;
      throw error;
    } finally {
      this.#reading = false;
    }
    if (count === null) {
      this.stop();
      return false;
    }
    this.bytesRead += count;
    this.#full = count === buffer.length;
    this.#decoder.push(this.#full ? buffer : buffer.subarray(0, count));
    return true;
  }

  /** The memory of the last chunk goes with the frame that fills it. */
  disown(frame: Uint8Array): boolean {
    if (frame.buffer === this.#slab?.buffer) {
      this.#slab = undefined;
    } else if (frame.buffer === this.#idle?.buffer) {
      this.#idle = undefined;
    } else {
      return false;
    }
    return true;
  }

  /** Stops the clock until the next read: nobody asks for frames. */
  pause(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /**
   * Stops the clock and lets go of the memory. It does not go back to the
   * pool: a read may be under way, or a frame still lent.
   */
  stop(): void {
    this.pause();
    this.#slab = this.#idle = undefined;
  }

  /**
   * 64 KiB right after a read that filled its buffer, else 2 KiB: so a read
   * that waits for an idle peer always holds the small one.
   */
  #buffer(): Uint8Array<ArrayBuffer> {
    if (this.#full) return this.#slab ??= acquire(SLAB);
    if (this.#slab !== undefined) release(this.#slab);
    this.#slab = undefined;
    return this.#idle ??= new Uint8Array(IDLE_READ);
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
    if (!this.#owed || !this.#reading) return;
    if (performance.now() - this.#since < this.#frameTimeout) {
      return this.#arm();
    }
    const rest = this.#decoder.rest();
    this.#onTimeout(
      new FrameError(
        "timeout",
        `Cannot wait longer for the rest of a frame: ${rest.length} bytes of it came within ${this.#frameTimeout} ms`,
        {
          frameIndex: this.frames,
          streamOffset: this.bytesRead - rest.length,
          head: rest,
        },
      ),
    );
  }
}
