/**
 * Memory that connections borrow while bytes are on their way, so that an idle
 * one holds nothing and a busy one allocates nothing. A buffer is the same
 * object each time: codecs may cache by it.
 *
 * @module
 */

/** Size of the large read slab, and of the batches worth a buffer of that size. */
export const SLAB = 64 * 1024;

/** What is kept for the next borrower: 2 MiB a thread at most. */
const SHELVES: readonly { size: number; kept: number }[] = [
  { size: 4 * 1024, kept: 128 },
  { size: 16 * 1024, kept: 32 },
  { size: SLAB, kept: 8 },
  { size: 256 * 1024, kept: 2 },
];

const shelves: Uint8Array<ArrayBuffer>[][] = SHELVES.map(() => []);

/** A buffer of at least that many bytes; its bytes are whatever they were. */
export function acquire(atLeast: number): Uint8Array<ArrayBuffer> {
  for (let i = 0; i < SHELVES.length; i++) {
    const { size } = SHELVES[i]!;
    if (atLeast <= size) return shelves[i]!.pop() ?? new Uint8Array(size);
  }
  return new Uint8Array(2 ** Math.ceil(Math.log2(atLeast)));
}

/** Gives a buffer back, once; nothing may refer to it any more. */
export function release(buffer: Uint8Array<ArrayBuffer>): void {
  for (let i = 0; i < SHELVES.length; i++) {
    const { size, kept } = SHELVES[i]!;
    if (buffer.length !== size) continue;
    if (shelves[i]!.length < kept) shelves[i]!.push(buffer);
    return;
  }
}
