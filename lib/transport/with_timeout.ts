/**
 * Waiting for work under an abort signal and a timeout.
 *
 * @module
 */

/** Bounds of {@linkcode withTimeout}. */
export interface TimeoutBounds {
  /** Cancels the work when aborted; it then fails with the signal's reason. */
  signal?: AbortSignal | undefined;
  /** Milliseconds that the work may take; `Infinity` means no limit. */
  timeout: number;
  /** Cancels the work, which must settle soon; called at most once. */
  cancel(): void;
  /** Returns the error for a timeout. */
  timeoutError(): Error;
}

/**
 * Waits for work under a signal and a timeout.
 *
 * A result that arrives after cancellation is dropped, since `cancel` has
 * released its resources.
 *
 * @param work the work to wait for; it must settle after `cancel` is called
 * @param bounds signal, timeout and cancellation
 */
export async function withTimeout<T>(
  work: Promise<T>,
  bounds: TimeoutBounds,
): Promise<T> {
  const { signal, timeout, cancel, timeoutError } = bounds;
  const state: { cause?: { error: unknown } } = {};
  function stop(error: unknown): void {
    if (state.cause !== undefined) return;
    state.cause = { error };
    cancel();
  }
  function abort(): void {
    stop(signal?.reason);
  }
  const timer = timeout === Infinity
    ? undefined
    : setTimeout(() => stop(timeoutError()), timeout);
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

/** The longest delay of a timer in milliseconds, about 24.8 days. */
const MAX_TIMEOUT = 0x7fff_ffff;

/**
 * Checks a timeout option.
 *
 * @param value the option's value, in milliseconds
 * @param name the option's name
 * @returns the same value
 * @throws {RangeError} if the value is outside the range of timers
 */
export function checkTimeout(value: number, name: string): number {
  if (value === Infinity || (value > 0 && value <= MAX_TIMEOUT)) return value;
  throw new RangeError(
    `Cannot wait as '${name}' must be above 0 and at most ${MAX_TIMEOUT} ms, or Infinity: current value is ${value}`,
  );
}

/**
 * Checks a timeout option that may be 0, which means no limit.
 *
 * @param verb what the option limits, such as "connect"
 * @param timeout the option's value, in milliseconds
 * @throws {RangeError} if the value is outside the range of timers
 */
export function checkTimeLimit(verb: string, timeout: number): void {
  if (timeout >= 0 && timeout <= MAX_TIMEOUT) return;
  throw new RangeError(
    `Cannot ${verb} as 'timeout' must be from 0 to ${MAX_TIMEOUT} milliseconds: current value is ${timeout}`,
  );
}
