/**
 * Writes to a slow output without delaying what is written about.
 *
 * @module
 */

/** A queue before an output; what exceeds its limit is dropped. */
export class BoundedWriter {
  readonly #write: (bytes: Uint8Array) => Promise<void>;
  readonly #limit: number;
  readonly #notice: (dropped: number) => Uint8Array;
  readonly #queue: Uint8Array[] = [];
  #queued = 0;
  #noticed = 0;
  #full = false;
  #writing: Promise<void> | undefined;
  #error: unknown = undefined;
  /** Whether the output has failed. */
  failed = false;
  /** Number of entries that were dropped. */
  dropped = 0;

  /**
   * @param write writes to the output
   * @param limit most bytes that wait
   * @param notice returns what is written about dropped entries
   */
  constructor(
    write: (bytes: Uint8Array) => Promise<void>,
    limit: number,
    notice: (dropped: number) => Uint8Array,
  ) {
    this.#write = write;
    this.#limit = limit;
    this.#notice = notice;
  }

  /** Whether an entry was dropped, and nothing was written since. */
  get full(): boolean {
    return this.#full;
  }

  /** Counts an entry that is dropped. */
  drop(): void {
    if (this.failed) return;
    this.dropped++;
    this.#full = true;
  }

  /** Adds an entry, or drops it if too much waits. */
  add(bytes: Uint8Array): void {
    if (this.failed) return;
    if (this.#queued + bytes.length > this.#limit) {
      return this.drop();
    }
    this.addAlways(bytes);
  }

  /** Adds an entry that later ones need, whatever waits. */
  addAlways(bytes: Uint8Array): void {
    if (this.failed) return;
    this.#queued += bytes.length;
    this.#queue.push(bytes);
    this.#writing ??= this.#drain();
  }

  async #drain(): Promise<void> {
    try {
      for (let next; (next = this.#queue.shift()) !== undefined;) {
        await this.#write(next);
        this.#queued -= next.length;
        this.#full = false;
        if (this.#queue.length === 0 && this.dropped > this.#noticed) {
          const notice = this.#notice(this.dropped - this.#noticed);
          this.#noticed = this.dropped;
          await this.#write(notice);
        }
      }
    } catch (error) {
      this.failed = true;
      this.#error = error;
      this.#queue.length = 0;
    } finally {
      this.#writing = undefined;
    }
  }

  /**
   * Waits until everything is written.
   *
   * @throws the error of the output
   */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
    if (this.failed) throw this.#error;
  }
}
