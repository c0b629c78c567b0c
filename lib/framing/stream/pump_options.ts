/**
 * Options for the pump, with their defaults and checks.
 *
 * @module
 */
import { checkOptions, type OptionNames } from "../../support/check_options.ts";

/** Longest delay of a timer (HTML, timers: a signed 32-bit integer). */
const MAX_DELAY = 0x7fff_ffff;
const COPY: readonly string[] = ["always", "auto", "never"];

/**
 * Options for `frames`.
 *
 * @category Streams
 */
export interface FramesOptions {
  /**
   * Whether async iteration copies frames. `"always"` copies each one.
   * `"never"` lends each frame until the next one is requested. `"auto"` copies
   * a frame unless it fills at least three quarters of its read buffer; such a
   * frame takes over the buffer.
   *
   * @default {"always"}
   */
  copy?: "always" | "auto" | "never" | undefined;
  /**
   * Number of unsent bytes above which `FrameStream.send` waits.
   *
   * @default {1048576}
   */
  highWaterMark?: number | undefined;
  /**
   * Milliseconds without a byte after which an incomplete frame times out; `0`
   * means no limit, also on its rate. Protects against peers that send half a
   * frame and keep the connection open. A large frame may take longer, as long
   * as it makes progress. Time during which the application does not read is not
   * counted.
   *
   * @default {30000}
   */
  frameTimeout?: number | undefined;
  /**
   * Lowest average rate of an incoming frame in bytes per second. `0` means no
   * limit. The first `frameTimeout` milliseconds of a frame are not counted; a
   * frame that then arrives more slowly times out. Protects against peers that
   * send a byte now and then.
   *
   * @default {240}
   */
  minByteRate?: number | undefined;
  /**
   * Milliseconds that frames are handled before other connections get a turn.
   * Bytes that their sockets have received by then are read first, so that one
   * peer cannot starve the others.
   *
   * @default {4}
   */
  turnTime?: number | undefined;
  /**
   * Milliseconds that disposal waits for unsent bytes and for the peer's end. `0`
   * does not wait. Once the bytes are written, disposal waits for the peer for at
   * most 1 s. Then the connection is closed regardless.
   *
   * @default {5000}
   */
  linger?: number | undefined;
  /**
   * Signal that closes the connection when aborted. The stream's pending calls
   * then reject with the signal's reason.
   */
  signal?: AbortSignal | undefined;
}

/** Checked options with defaults filled in. */
export type ResolvedOptions =
  & {
    [Name in keyof Omit<FramesOptions, "signal">]-?: Exclude<
      FramesOptions[Name],
      undefined
    >;
  }
  & { signal: AbortSignal | undefined };

const FRAMES_OPTIONS: OptionNames<FramesOptions> = {
  copy: true,
  highWaterMark: true,
  frameTimeout: true,
  minByteRate: true,
  turnTime: true,
  linger: true,
  signal: true,
};

/** Checks the options and fills in defaults. */
export function resolveOptions(options: FramesOptions): ResolvedOptions {
  checkOptions("frames()", options, FRAMES_OPTIONS);
  const {
    copy = "always",
    highWaterMark = 1024 * 1024,
    frameTimeout = 30_000,
    minByteRate = 240,
    turnTime = 4,
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
  checkRange("minByteRate", minByteRate, [0, Number.MAX_SAFE_INTEGER]);
  checkRange("turnTime", turnTime, [1, MAX_DELAY]);
  checkRange("linger", linger, [0, MAX_DELAY]);
  return {
    ...{ copy, highWaterMark, frameTimeout, minByteRate, turnTime, linger },
    signal,
  };
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
