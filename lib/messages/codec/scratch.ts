/**
 * The buffer for messages that outgrow their target. Who needs it takes it
 * away, so that messages encoded within each other never share it.
 *
 * @module
 */

/** It is kept for the next message up to this size. */
const LARGEST = 4 * 1024 * 1024, SMALLEST = 16 * 1024;
let kept: Uint8Array | undefined;

/** Gives a buffer of at least so many bytes, with whatever stands in it. */
export function take(least: number): Uint8Array {
  const taken = kept;
  kept = undefined;
  return taken !== undefined && taken.length >= least
    ? taken
    : new Uint8Array(Math.max(SMALLEST, least * 2));
}

/** Keeps a buffer for the next message. */
export function giveBack(buffer: Uint8Array): void {
  if (buffer.length <= LARGEST) kept = buffer;
}
