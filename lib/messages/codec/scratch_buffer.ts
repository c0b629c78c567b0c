/**
 * A reused buffer for messages that do not fit into their target.
 *
 * An encoding owns its buffer until it releases the buffer, so that nested
 * encodings never share one.
 *
 * @module
 */

/** Maximum size to keep and minimum size to allocate, in bytes. */
const LARGEST = 4 * 1024 * 1024, SMALLEST = 16 * 1024;
let kept: Uint8Array | undefined;

/** Returns a buffer of at least `minLength` bytes, with arbitrary content. */
export function acquireScratch(minLength: number): Uint8Array {
  const taken = kept;
  kept = undefined;
  return taken !== undefined && taken.length >= minLength
    ? taken
    : new Uint8Array(Math.max(SMALLEST, minLength * 2));
}

/** Keeps a buffer for the next message. */
export function releaseScratch(buffer: Uint8Array): void {
  if (buffer.length <= LARGEST) kept = buffer;
}
