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
/** Space for values after a large one, as a factor. */
const SPARE = 1.25;
let kept: Uint8Array | undefined;

/**
 * Returns a buffer with arbitrary content.
 *
 * @param minLength bytes that it has at least
 * @param written bytes written so far; the buffer has twice as many, so that a
 * message of many small values is copied a few times only
 */
export function acquireScratch(minLength: number, written = 0): Uint8Array {
  const taken = kept;
  kept = undefined;
  return taken !== undefined && taken.length >= minLength
    ? taken
    : new Uint8Array(Math.max(SMALLEST, minLength * SPARE, written * 2));
}

/** Keeps a buffer for the next message. */
export function releaseScratch(buffer: Uint8Array): void {
  if (buffer.length <= LARGEST) kept = buffer;
}
