/**
 * Lets timers and connections keep the process alive, or not.
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
