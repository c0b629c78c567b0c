/**
 * The time limit of an incoming frame, which follows the frame's progress.
 *
 * @module
 */
import { FrameError } from "../errors.ts";
import type { FrameDecoder } from "../framing.ts";
import { afterIteration } from "./event_loop_turn.ts";

/**
 * Milliseconds before the deadline at which the timer fires first. If it fires
 * after the deadline, the process was suspended or busy, and the event loop has
 * not polled the sockets yet, where bytes may wait. It polls them before a timer
 * that is armed in its next iteration.
 */
const EARLY = 1;

/** Counters of the reader whose frames are timed. */
export interface TimedReader {
  /** Number of bytes read so far. */
  readonly bytesRead: number;
  /** Number of frames decoded so far. */
  readonly frames: number;
  /** Whether a read is in progress. */
  readonly reading: boolean;
}

/** Time limits of a frame. */
export interface FrameTimes {
  /** Milliseconds that a read inside a frame may take; more than 0. */
  readonly frameTimeout: number;
  /** Lowest average rate in bytes per second; `0` means no limit. */
  readonly minByteRate: number;
}

/**
 * A timer for the frame in progress. The frame must make progress within
 * `frameTimeout`, and each byte of it extends its total time, which begins at
 * `frameTimeout`, by the time that the byte takes at `minByteRate`.
 *
 * All frames of a connection share one timeout, which is armed once and moved
 * when it fires: a deadline only moves to a later time.
 */
export class FrameTimer {
  readonly #decoder: FrameDecoder;
  readonly #times: FrameTimes;
  readonly #onTimeout: (error: FrameError) => void;
  readonly #onTimer = (): void => this.#fired();
  readonly #onIteration = (): void => this.#poll();

  #reader: TimedReader | undefined;
  /** Stream offset of the frame in progress; -1 between frames. */
  #start = -1;
  /** Time at which the frame began. */
  #since = 0;
  /** Time at which the last read began. */
  #readSince = 0;
  /** Whether the timer fires again, after a poll of the sockets. */
  #polled = false;
  #timeout: ReturnType<typeof setTimeout> | undefined;

  /** @param onTimeout called with the error when a frame takes too long */
  constructor(
    decoder: FrameDecoder,
    times: FrameTimes,
    onTimeout: (error: FrameError) => void,
  ) {
    this.#decoder = decoder;
    this.#times = times;
    this.#onTimeout = onTimeout;
  }

  /** Called before each read, when the decoder needs more bytes. */
  begin(reader: TimedReader): void {
    const { pending } = this.#decoder;
    if (pending === 0) {
      this.#start = -1;
      return;
    }
    const start = reader.bytesRead - pending;
    this.#readSince = performance.now();
    if (start !== this.#start) this.#since = this.#readSince;
    this.#start = start;
    this.#polled = false;
    this.#reader = reader;
    if (this.#timeout === undefined) this.#arm();
  }

  /** Stops the timer until the next read. */
  stop(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#polled = false;
  }

  /** Time at which the frame in progress has taken too long. */
  get #deadline(): number {
    const { frameTimeout, minByteRate } = this.#times;
    const stalled = this.#readSince + frameTimeout;
    if (minByteRate === 0) return stalled;
    const earned = this.#decoder.pending * 1000 / minByteRate;
    return Math.min(stalled, this.#since + frameTimeout + earned);
  }

  #arm(): void {
    const left = this.#deadline - performance.now() - EARLY;
    this.#timeout = setTimeout(this.#onTimer, Math.max(0, left));
  }

  /**
   * Checks the deadline, unless no read is in progress: then the peer did not
   * cause the delay, and the next read arms the timer again.
   */
  #fired(): void {
    this.#timeout = undefined;
    const reader = this.#reader!;
    if (this.#start < 0 || !reader.reading) return;
    const left = this.#deadline - performance.now();
    if (left > EARLY) return this.#arm();
    if (this.#polled && left <= 0) return this.#onTimeout(this.#error(reader));
    this.#polled = true;
    if (left > 0) this.#timeout = setTimeout(this.#onTimer, left);
    else afterIteration(this.#onIteration);
  }

  /** Waits for a poll of the sockets. */
  #poll(): void {
    if (this.#polled && this.#timeout === undefined) {
      this.#timeout = setTimeout(this.#onTimer, 1);
    }
  }

  #error({ bytesRead, frames }: TimedReader): FrameError {
    const { pending, skipped } = this.#decoder;
    const rest = this.#decoder.rest();
    const { frameTimeout, minByteRate } = this.#times;
    const stalled = performance.now() - this.#readSince >= frameTimeout;
    const why = stalled
      ? `no byte arrived within ${frameTimeout} ms`
      : `it arrives at less than ${minByteRate} bytes per second`;
    // A frame that is being skipped is counted already.
    const skipping = rest.length < pending ? 1 : 0;
    return new FrameError(
      `Cannot wait longer for the rest of a frame: ${why}, after ${pending} bytes of it`,
      {
        code: "timeout",
        frameIndex: frames + skipped - skipping,
        streamOffset: bytesRead - pending,
        head: rest,
      },
    );
  }
}
