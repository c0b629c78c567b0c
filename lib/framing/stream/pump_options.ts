/** Options of the pump, with their defaults and checks. */

/** The longest delay of a timer (HTML, timers: a signed 32-bit integer). */
const MAX_DELAY = 2 ** 31 - 1;
const COPY: readonly string[] = ["always", "auto", "never"];

/** Options of `frames`. */
export interface FramesOptions {
  /**
   * Who owns the frames that async iteration hands out: `"always"` copies each
   * one; `"never"` lends it until the next one is asked for; `"auto"` copies
   * unless the frame fills three quarters of the memory it would pin, which
   * then goes with it.
   *
   * @default {"always"}
   */
  copy?: "always" | "auto" | "never";
  /**
   * Bytes unsent above which `FrameStream.send` waits.
   *
   * @default {1048576}
   */
  highWaterMark?: number;
  /**
   * Milliseconds a frame may take from its first byte to its last; `0` is no
   * limit. Stops peers that hold a connection with half a frame. The time in
   * which this side reads nothing does not count.
   *
   * @default {30000}
   */
  frameTimeout?: number;
  /**
   * Frames handled before the event loop gets a turn, so that one peer cannot
   * starve the others.
   *
   * @default {1024}
   */
  framesPerTurn?: number;
  /**
   * Milliseconds that disposal waits for the transport to take what is unsent
   * before the connection is closed all the same; `0` does not wait.
   *
   * @default {5000}
   */
  linger?: number;
  /**
   * Closes the connection when aborted; what waits on the stream then rejects
   * with the signal's reason.
   */
  signal?: AbortSignal;
}

/** Options that have been checked, and have their defaults. */
export type ResolvedOptions =
  & Required<Omit<FramesOptions, "signal">>
  & { signal: AbortSignal | undefined };

/** Fills in the defaults and checks what was given. */
export function resolveOptions(options: FramesOptions): ResolvedOptions {
  const {
    copy = "always",
    highWaterMark = 1024 * 1024,
    frameTimeout = 30_000,
    framesPerTurn = 1024,
    linger = 5_000,
    signal,
  } = options;
  if (!COPY.includes(copy)) {
    throw new TypeError(
      `Cannot carry frames as 'copy' must be one of ${
        COPY.join(", ")
      }: current value is ${copy}`,
    );
  }
  checkRange("highWaterMark", highWaterMark, [0, Number.MAX_SAFE_INTEGER]);
  checkRange("frameTimeout", frameTimeout, [0, MAX_DELAY]);
  checkRange("framesPerTurn", framesPerTurn, [1, Number.MAX_SAFE_INTEGER]);
  checkRange("linger", linger, [0, MAX_DELAY]);
  return { copy, highWaterMark, frameTimeout, framesPerTurn, linger, signal };
}

function checkRange(
  name: string,
  value: number,
  [least, most]: readonly [least: number, most: number],
): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new RangeError(
      `Cannot carry frames as '${name}' must be an integer from ${least} to ${most}: current value is ${value}`,
    );
  }
}
