/**
 * Bytes that have arrived, and reads that wait for them.
 *
 * @module
 */

interface PendingRead {
  buffer: Uint8Array;
  resolve(count: number | null): void;
  reject(error: unknown): void;
}

/** Bytes below which a chunk joins the one before it, and of what they join in. */
const JOINED = 4 * 1024;

/**
 * Joins a source that pushes with a `read` that pulls. Reads are served in
 * their order; first come the bytes, then the end or the failure, whichever
 * was first.
 */
export class ReceiveQueue {
  #chunks: Uint8Array[] = [];
  /** Room behind the last chunk, if that is one of small ones joined. */
  #room: Uint8Array = new Uint8Array(0);
  #held = 0;
  #reads: PendingRead[] = [];
  #end: { error?: unknown } | undefined;
  #onTaken: (count: number) => void;

  /**
   * @param onTaken told how many bytes a read has taken
   */
  constructor(onTaken: (count: number) => void) {
    this.#onTaken = onTaken;
  }

  /** Bytes that nobody has read yet. */
  get held(): number {
    return this.#held;
  }

  /** Whether the end or a failure stands behind the bytes. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Waits for what is there.
   *
   * @param buffer where the bytes go
   */
  read(buffer: Uint8Array): Promise<number | null> {
    if (buffer.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#reads.push({ buffer, resolve, reject });
      this.#serve();
    });
  }

  /**
   * Adds what has arrived; behind the end it is dropped.
   *
   * @param chunk the bytes; they belong to the queue from now on
   */
  push(chunk: Uint8Array): void {
    if (this.#end !== undefined) return;
    // What waits in single bytes would take a hundred times as much memory: a
    // peer may send so, and the limits of those above count bytes.
    if (chunk.length < JOINED && this.#held > 0) this.#join(chunk);
    else this.#add(chunk);
    this.#held += chunk.length;
    this.#serve();
  }

  #add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#room = chunk.subarray(chunk.length);
  }

  #join(chunk: Uint8Array): void {
    const last = this.#chunks.length - 1;
    const before = this.#chunks[last];
    if (before === undefined || this.#room.length < chunk.length) {
      const block = new Uint8Array(JOINED);
      this.#chunks.push(block.subarray(0, chunk.length));
      this.#room = block;
    } else {
      this.#chunks[last] = new Uint8Array(
        before.buffer,
        before.byteOffset,
        before.length + chunk.length,
      );
    }
    this.#room.set(chunk);
    this.#room = this.#room.subarray(chunk.length);
  }

  /** Nothing more will come. */
  end(): void {
    this.#end ??= {};
    this.#serve();
  }

  /**
   * Nothing more will come, for a reason.
   *
   * @param error what reads reject with, behind the bytes
   */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#serve();
  }

  /** Drops what nobody has read. */
  clear(): void {
    this.#chunks = [];
    this.#room = new Uint8Array(0);
    this.#held = 0;
  }

  #serve(): void {
    while (this.#reads.length > 0) {
      if (this.#held > 0) this.#hand(this.#reads.shift()!);
      else if (this.#end === undefined) return;
      else if ("error" in this.#end) {
        this.#reads.shift()!.reject(this.#end.error);
      } else this.#reads.shift()!.resolve(null);
    }
  }

  #hand({ buffer, resolve }: PendingRead): void {
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
