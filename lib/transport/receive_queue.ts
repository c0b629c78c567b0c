/**
 * A queue of received bytes and of the reads waiting for them.
 *
 * @module
 */

interface PendingRead {
  buffer: Uint8Array;
  resolve(count: number | null): void;
  reject(error: unknown): void;
}

/** Size of the blocks into which smaller chunks are merged, in bytes. */
const BLOCK = 4 * 1024;

/**
 * Adapter from pushed bytes to a pull-based `read`.
 *
 * Reads are served in order. They receive the bytes, then the end of the stream
 * or the failure, whichever came first.
 */
export class ReceiveQueue {
  #chunks: Uint8Array[] = [];
  /** Free space after the last chunk, if that chunk is a block. */
  #space: Uint8Array = new Uint8Array(0);
  #held = 0;
  #reads: PendingRead[] = [];
  #end: { error?: unknown } | undefined;
  #onTaken: (count: number) => void;

  /**
   * @param onTaken called after each read, with its number of bytes
   */
  constructor(onTaken: (count: number) => void) {
    this.#onTaken = onTaken;
  }

  /** Number of unread bytes. */
  get held(): number {
    return this.#held;
  }

  /** Whether the source has ended or failed. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Reads the available bytes; waits until there is at least one.
   *
   * @param buffer the destination
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (buffer.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#reads.push({ buffer, resolve, reject });
      this.#serve();
    });
  }

  /**
   * Adds received bytes; drops them after the end.
   *
   * @param chunk the bytes; the queue owns them
   */
  push(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    // A peer may send single bytes. Stored one by one, they would take a
    // hundred times as much memory, but the callers' limits count only the
    // bytes.
    if (chunk.length < BLOCK && this.#held > 0) this.#merge(chunk);
    else this.#add(chunk);
    this.#held += chunk.length;
    this.#serve();
  }

  #add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#space = chunk.subarray(chunk.length);
  }

  #merge(chunk: Uint8Array): void {
    const last = this.#chunks.length - 1;
    const before = this.#chunks[last];
    if (before === undefined || this.#space.length < chunk.length) {
      const block = new Uint8Array(BLOCK);
      this.#chunks.push(block.subarray(0, chunk.length));
      this.#space = block;
    } else {
      this.#chunks[last] = new Uint8Array(
        before.buffer,
        before.byteOffset,
        before.length + chunk.length,
      );
    }
    this.#space.set(chunk);
    this.#space = this.#space.subarray(chunk.length);
  }

  /** Marks the end of the stream. */
  end(): void {
    this.#end ??= {};
    this.#serve();
  }

  /**
   * Marks the source as failed.
   *
   * @param error the error for reads once the queued bytes have been read
   */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#serve();
  }

  /** Drops all unread bytes. */
  clear(): void {
    this.#chunks = [];
    this.#space = new Uint8Array(0);
    this.#held = 0;
  }

  #serve(): void {
    while (this.#reads.length > 0) {
      if (this.#held > 0) this.#fill(this.#reads.shift()!);
      else if (this.#end === undefined) return;
      else if ("error" in this.#end) {
        this.#reads.shift()!.reject(this.#end.error);
      } else this.#reads.shift()!.resolve(null);
    }
  }

  #fill({ buffer, resolve }: PendingRead): void {
    let count = 0;
    let whole = 0;
    for (const chunk of this.#chunks) {
      const part = chunk.subarray(0, buffer.length - count);
      buffer.set(part, count);
      count += part.length;
      if (part.length < chunk.length) {
        this.#chunks[whole] = chunk.subarray(part.length);
        break;
      }
      whole++;
    }
    this.#chunks.splice(0, whole);
    this.#held -= count;
    resolve(count);
    this.#onTaken(count);
  }
}
