/**
 * Timers and connections that keep the process alive, or do not.
 *
 * @module
 */

/** A handle that can keep the process alive. */
interface Handle {
  ref?(): unknown;
  unref?(): unknown;
}

/**
 * Sets whether a timer or connection keeps the process alive. In browsers,
 * nothing does.
 */
export function setRef(
  handle: Handle | number | undefined,
  ref: boolean,
): void {
  if (typeof handle !== "object") return;
  if (ref) handle.ref?.();
  else handle.unref?.();
}

/**
 * Waits, at most until the signal is aborted; never rejects.
 *
 * @param ref whether the wait keeps the process alive
 */
export async function pause(
  ms: number,
  signal: AbortSignal,
  ref = true,
): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, Math.min(ms, 2 ** 31 - 1));
  if (!ref) setRef(timer, false);
  signal.addEventListener("abort", end, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}
