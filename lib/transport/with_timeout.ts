/**
 * Work that a signal or a clock may cut short.
 *
 * @module
 */

/** What cuts work short, and how. */
export interface TimeoutBounds {
  /** Cuts when it is aborted; the work then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds; `Infinity` for no limit. */
  timeout: number;
  /** Makes the work settle soon, and gives up what it holds; called at most once. */
  cut(): void;
  /** Makes the error of a timeout. */
  late(): Error;
}

/**
 * Waits for work under a signal and a timeout. Work that arrives although it
 * was cut counts as cut: `cut` has given up what it held.
 *
 * @param work what to wait for; it must settle once `cut` was called
 * @param bounds what cuts it short
 */
export async function withTimeout<T>(
  work: Promise<T>,
  bounds: TimeoutBounds,
): Promise<T> {
  const { signal, timeout, cut, late } = bounds;
  const state: { cause?: { error: unknown } } = {};
  function stop(error: unknown): void {
    if (state.cause !== undefined) return;
    state.cause = { error };
    cut();
  }
  function abort(): void {
    stop(signal?.reason);
  }
  const timer = timeout === Infinity
    ? undefined
    : setTimeout(() => stop(late()), timeout);
  signal?.addEventListener("abort", abort, { once: true });
  if (signal?.aborted) abort();
  try {
    const value = await work;
    if (state.cause === undefined) return value;
  } catch (error) {
    state.cause ??= { error };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
  throw state.cause.error;
}

/** The longest delay that timers take, about 24.8 days. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/**
 * Checks a timeout option.
 *
 * @param value milliseconds
 * @param name the option's name
 * @returns the same value
 * @throws {RangeError} if no timer can wait that long
 */
export function checkTimeout(value: number, name: string): number {
  if (value === Infinity || (value > 0 && value <= MAX_TIMEOUT)) return value;
  throw new RangeError(
    `Cannot wait as '${name}' must be above 0 and at most ${MAX_TIMEOUT} ms, or Infinity: current value is ${value}`,
  );
}
