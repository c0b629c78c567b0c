/**
 * Ends of a stream that the user asks for: a count, a pause or a time.
 *
 * @module
 */
import type { StreamCall } from "../messages/protocol/client_types.ts";
import type { Flags, FlagValues } from "./flags.ts";
import type { Io } from "./io.ts";
import { optionalDuration, parseCount } from "./quantities.ts";

/** Flags of commands that print streams. */
export const STREAM_FLAGS = {
  count: { type: "string", value: "N", summary: "stop after N items" },
  wait: {
    type: "string",
    value: "5s",
    summary: "stop when no item has arrived for this time",
  },
  for: { type: "string", value: "1m", summary: "stop after this time" },
} as const satisfies Flags;

/** When to stop. */
export interface StreamLimits {
  /** Largest number of items. */
  readonly count: number;
  /** Longest pause before an item, in ms. */
  readonly wait: number | undefined;
  /** Longest time, in ms. */
  readonly time: number | undefined;
}

/** Returns the limits that flags set. */
export function streamLimits(
  flags: FlagValues<typeof STREAM_FLAGS>,
): StreamLimits {
  return {
    count: flags.count === undefined
      ? Infinity
      : parseCount("count", flags.count),
    wait: optionalDuration("wait", flags.wait),
    time: optionalDuration("for", flags.for),
  };
}

/**
 * Reads a stream until it ends or a limit stops it.
 *
 * @returns the number of items
 * @throws the error of the stream, unless a limit has stopped it
 */
export async function readStream(
  stream: StreamCall & AsyncIterable<unknown>,
  limits: StreamLimits,
  io: Io,
  onItem: (item: unknown) => Promise<void>,
): Promise<number> {
  const timers = new StopTimers(limits, io, () => stream.cancel());
  let count = 0;
  try {
    for await (const item of stream) {
      timers.restart();
      await onItem(item);
      if (++count >= limits.count) break; // leaving the loop cancels the call
    }
  } catch (error) {
    if (!timers.stopped) throw error;
  } finally {
    timers.clear();
  }
  return count;
}

/** Calls back when a pause or the whole time is too long. */
export class StopTimers {
  readonly #limits: StreamLimits;
  readonly #io: Io;
  readonly #stop: () => void;
  readonly #whole = new AbortController();
  #pause = new AbortController();
  /** Whether a limit has stopped the stream. */
  stopped = false;

  constructor(limits: StreamLimits, io: Io, stop: () => void) {
    this.#limits = limits;
    this.#io = io;
    this.#stop = stop;
    if (limits.time !== undefined) this.#start(limits.time, this.#whole.signal);
    this.restart();
  }

  /** Begins another pause. */
  restart(): void {
    const { wait } = this.#limits;
    if (wait === undefined || this.stopped) return;
    this.#pause.abort();
    this.#pause = new AbortController();
    this.#start(wait, this.#pause.signal);
  }

  /** Ends all timers. */
  clear(): void {
    this.#whole.abort();
    this.#pause.abort();
  }

  async #start(ms: number, signal: AbortSignal): Promise<void> {
    await this.#io.wait(ms, signal);
    if (signal.aborted) return;
    this.stopped = true;
    this.#stop();
  }
}
