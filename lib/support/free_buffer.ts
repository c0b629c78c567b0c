/**
 * Frees buffers before the engine collects them.
 *
 * @module
 */

/**
 * Frees a buffer that is no longer used, if the engine can.
 *
 * V8 collects buffers only after about 100 MB of them have been dropped.
 */
export function freeBuffer({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer?.(0);
}
