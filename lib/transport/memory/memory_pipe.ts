/**
 * One direction of a memory connection: a bounded, ordered buffer that behaves
 * like a socket's, with faults on demand.
 *
 * Only a pipe with latency reads the clock or sets a timer.
 *
 * @module
 */
import { TransportError, type TransportErrorCode } from "../errors.ts";

/** Options for {@linkcode MemoryPipe}. */
export interface PipeOptions {
  /** Size of the buffer between writer and reader, in bytes. */
  readonly capacity: number;
  /** Milliseconds from write to read. */
  readonly latency: number;
  /** Returns the maximum number of bytes for the next read. */
  readonly readLimit: () => number;
  /** Returns the maximum number of bytes for the next write. */
  readonly writeLimit: () => number;
  /** Fault to simulate once `after` bytes have passed. */
  readonly fault?:
    | { readonly kind: string; readonly after: number }
    | undefined;
}

interface Pending<T> {
  readonly bytes: Uint8Array;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

interface Chunk {
  bytes: Uint8Array;
  readonly due: number;
}

/** One direction of a memory connection, with both of its ends. */
export class MemoryPipe {
  /** Called for the fault `"reset"`, so that the other direction fails too. */
  onReset: (() => void) | undefined;
  #options: PipeOptions;
  #address: string;
  #chunks: Chunk[] = [];
  #reads: Pending<number | null>[] = [];
  #writes: Pending<number>[] = [];
  #held = 0;
  #accepted = 0;
  #delivered = 0;
  #faultInjected = false;
  #endDue: number | undefined;
  #readError: TransportError | undefined;
  #writeError: TransportError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PipeOptions, address: string) {
    this.#options = options;
    this.#address = address;
  }

  read(bytes: Uint8Array): Promise<number | null> {
    if (bytes.length === 0) return Promise.resolve(0);
    return new Promise((resolve, reject) => {
      this.#reads.push({ bytes, resolve, reject });
      this.#run();
    });
  }

  write(bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, resolve, reject });
      this.#run();
    });
  }

  /** Half-closes: the written bytes still arrive, followed by the end. */
  end(): void {
    this.#endDue ??= this.#due();
    this.#failWrites("reset", "the outgoing stream has ended");
    this.#run();
  }

  /** Closes the writer's end and fails pending writes. */
  closeWriter(): void {
    this.#endDue ??= this.#due();
    this.#failWrites("closed", "the connection was closed locally");
    this.#run();
  }

  /** Closes the reader's end and drops the bytes in transit. */
  closeReader(): void {
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#held = 0;
    this.#failReads("closed", "the connection was closed locally");
    this.#failWrites("reset", "the peer has disconnected");
    this.#run();
  }

  /** Fails writes immediately; fails reads once the buffer is empty. */
  reset(): void {
    this.#failReads("reset", "the connection was reset");
    this.#failWrites("reset", "the connection was reset");
    this.#run();
  }

  #run(): void {
    this.#takeWrites();
    this.#serveReads();
    // Reads may have made room for more writes.
    if (this.#writes.length > 0) this.#takeWrites();
  }

  #takeWrites(): void {
    for (let next = this.#writes[0]; next; next = this.#writes[0]) {
      if (this.#writeError !== undefined) {
        next.reject(this.#writeError);
      } else if (next.bytes.length === 0) {
        next.resolve(0);
      } else {
        const taken = this.#accept(next.bytes);
        if (taken === 0) return;
        next.resolve(taken);
      }
      this.#writes.shift();
      // Call this after the shift, because a fault rejects the writes still in
      // the queue.
      this.injectFault();
    }
  }

  #accept(bytes: Uint8Array): number {
    const { capacity, writeLimit, fault } = this.#options;
    const room = capacity - this.#held;
    if (room <= 0) return 0;
    let count = Math.min(bytes.length, room, writeLimit());
    if (fault !== undefined && fault.kind !== "stall") {
      count = Math.min(count, fault.after - this.#accepted);
    }
    this.#chunks.push({ bytes: bytes.slice(0, count), due: this.#due() });
    this.#held += count;
    this.#accepted += count;
    return count;
  }

  /** Cuts or resets the pipe, once, after the configured number of bytes. */
  injectFault(): void {
    const { fault } = this.#options;
    if (this.#faultInjected || fault === undefined) return;
    if (this.#accepted < fault.after) return;
    this.#faultInjected = true;
    if (fault.kind === "cut") {
      this.#endDue ??= this.#due();
      this.#failWrites("reset", "the connection was cut");
    } else if (fault.kind === "reset") {
      this.reset();
      this.onReset?.();
    }
  }

  #serveReads(): void {
    for (let next = this.#reads[0]; next; next = this.#reads[0]) {
      const count = this.#fill(next.bytes);
      if (count > 0) next.resolve(count);
      else if (this.#held > 0 && !this.#readerClosed()) return this.#wait();
      else if (this.#readError !== undefined) next.reject(this.#readError);
      else if (this.#endDue === undefined) return;
      else if (this.#endDue > this.#now()) return this.#wait();
      else next.resolve(null);
      this.#reads.shift();
    }
  }

  #readerClosed(): boolean {
    return this.#readError?.code === "closed";
  }

  #fill(target: Uint8Array): number {
    const { fault, readLimit } = this.#options;
    let limit = target.length;
    if (fault?.kind === "stall") {
      limit = Math.min(limit, fault.after - this.#delivered);
    }
    const now = this.#now();
    let first = this.#chunks[0];
    if (first === undefined || first.due > now || limit === 0) return 0;
    limit = Math.min(limit, readLimit());
    let count = 0;
    while (first !== undefined && first.due <= now && count < limit) {
      const part = first.bytes.subarray(0, limit - count);
      target.set(part, count);
      count += part.length;
      first.bytes = first.bytes.subarray(part.length);
      if (first.bytes.length > 0) break;
      this.#chunks.shift();
      first = this.#chunks[0];
    }
    this.#held -= count;
    this.#delivered += count;
    return count;
  }

  /** Sets the timer for a read that waits for bytes in transit. */
  #wait(): void {
    const { fault } = this.#options;
    if (fault?.kind === "stall" && this.#delivered >= fault.after) return;
    const due = this.#chunks[0]?.due ?? this.#endDue ?? 0;
    clearTimeout(this.#timer);
    // If the bytes have become due by now, do not wait.
    const left = Math.max(0, Math.ceil(due - this.#now()));
    this.#timer = setTimeout(() => this.#run(), left);
  }

  #due(): number {
    return this.#now() + this.#options.latency;
  }

  #now(): number {
    return this.#options.latency === 0 ? 0 : performance.now();
  }

  #failReads(code: TransportErrorCode, reason: string): void {
    this.#readError ??= this.#error("read from", code, reason);
  }

  #failWrites(code: TransportErrorCode, reason: string): void {
    this.#writeError ??= this.#error("write to", code, reason);
  }

  #error(
    verb: string,
    code: TransportErrorCode,
    reason: string,
  ): TransportError {
    const address = this.#address;
    return new TransportError(`Cannot ${verb} ${address}: ${reason}`, {
      code,
      address,
    });
  }
}
