/**
 * A pool of buffers that connections borrow while bytes are in transit. A busy
 * connection therefore does not allocate, and an idle one can return its
 * buffers. A pooled buffer keeps its identity, so codecs may use it as a cache
 * key.
 *
 * @module
 */

import { freeBuffer } from "../../support/free_buffer.ts";

/** Size of the largest read buffer, and of the largest expected batch. */
export const SLAB = 64 * 1024;

/**
 * Sizes and maximum numbers of pooled buffers: at most 2.75 MiB per thread.
 *
 * The smallest are for a message to a thousand connections at once, of which each
 * holds its buffer until the runtime has written it.
 */
const SHELVES: readonly { size: number; kept: number }[] = [
  { size: 512, kept: 1024 },
  { size: 4 * 1024, kept: 256 },
  { size: 16 * 1024, kept: 16 },
  { size: SLAB, kept: 8 },
  { size: 256 * 1024, kept: 2 },
];

const shelves: Uint8Array<ArrayBuffer>[][] = /* @__PURE__ */ SHELVES.map(
  () => [],
);

/** Returns a buffer of at least `atLeast` bytes, with arbitrary content. */
export function acquire(atLeast: number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < SHELVES.length; i++) {
    const { size } = SHELVES[i]!;
    if (atLeast <= size) return shelves[i]!.pop() ?? new Uint8Array(size);
  }
  return new Uint8Array(2 ** Math.ceil(Math.log2(atLeast)));
}

/**
 * Returns a buffer to the pool. Call this once per buffer, and keep no
 * reference to it.
 */
export function release(buffer: Uint8Array<ArrayBuffer>): void {
  for (let i = 0; i < SHELVES.length; i++) {
    const { size, kept } = SHELVES[i]!;
    if (buffer.length !== size) continue;
    if (shelves[i]!.length >= kept) break;
    shelves[i]!.push(buffer);
    return;
  }
  freeBuffer(buffer);
}
