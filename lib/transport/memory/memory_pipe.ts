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
  /** Returns the milliseconds from write to read; absent if there are none. */
  readonly latency?: (() => number) | undefined;
  /** Returns the maximum number of bytes for the next read. */
  readonly readLimit: () => number;
  /** Returns the maximum number of bytes for the next write. */
  readonly writeLimit: () => number;
  /** Fault to simulate once `after` bytes have passed. */
  readonly fault?: MemoryFault | undefined;
}

/**
 * A fault in one direction, after a number of bytes.
 *
 * - `"cut"`: the reader receives the bytes and then the end of the stream, as if
 *   the writer's process had been killed; writes fail with `"reset"`
 * - `"reset"`: the reader receives the bytes; after that, every read and write at
 *   either end fails with `"reset"`
 * - `"stall"`: later bytes never arrive; writes succeed until the buffer is full
 *
 * @category Pairs
 */
export interface MemoryFault {
  /** Kind of fault. */
  readonly kind: "cut" | "reset" | "stall";
  /** Number of bytes that pass before the fault. */
  readonly after: number;
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
  /** Returns whether the writer knows that the reader's end is closed. */
  readerClosed: () => boolean = () => false;
  #options: PipeOptions;
  #fault: MemoryFault | undefined;
  #stalled = false;
  /** Whether the writer's end was closed. */
  #closed = false;
  /** Whether the bytes in transit are lost. */
  #broken = false;
  #address: string;
  #chunks: Chunk[] = [];
  #reads: Pending<number | null>[] = [];
  #writes: Pending<number>[] = [];
  #held = 0;
  #accepted = 0;
  #delivered = 0;
  #faultInjected = false;
  #endDue: number | undefined;
  /** Time at which the last byte written so far arrives. */
  #lastDue = 0;
  #readError: TransportError | undefined;
  #writeError: TransportError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PipeOptions, address: string) {
    this.#options = options;
    this.#fault = options.fault;
    this.#address = address;
  }

  /** Number of bytes that the pipe has accepted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** The fault to simulate; setting it replaces the one before. */
  get fault(): MemoryFault | undefined {
    return this.#fault;
  }

  set fault(fault: MemoryFault | undefined) {
    this.#fault = fault;
    this.#faultInjected = false;
    this.injectFault();
    this.#run();
  }

  /** Whether nothing arrives for now: neither bytes nor the end. */
  set stalled(stalled: boolean) {
    this.#stalled = stalled;
    this.#run();
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
    this.#closed = true;
    this.#failWrites("closed", "the connection was closed locally");
    this.#run();
  }

  /** Closes the reader's end and drops the bytes in transit. */
  closeReader(): void {
    this.#dropBytes();
    this.#failReads("closed", "the connection was closed locally");
    this.#run();
  }

  /** Whether the close of the writer's end has arrived. */
  get closeArrived(): boolean {
    return this.#closed && !this.#stops && this.#endDue! <= this.#now(); // set with it
  }

  /** Fails the reads at once; the bytes in transit are lost. */
  breakReader(): void {
    this.#dropBytes();
    this.#failReads("reset", "the connection was reset");
    this.#run();
  }

  /** Fails the writes at once. */
  breakWriter(): void {
    this.#failWrites("reset", "the connection was reset");
    this.#run();
  }

  #dropBytes(): void {
    clearTimeout(this.#timer);
    this.#broken = true;
    this.#chunks = [];
    this.#held = 0;
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

  /** Whether nothing more arrives. */
  get #stops(): boolean {
    const fault = this.#fault;
    return this.#stalled ||
      fault?.kind === "stall" && this.#delivered >= fault.after;
  }

  #takeWrites(): void {
    if (this.readerClosed()) {
      this.#failWrites("reset", "the peer has disconnected");
    }
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
    const { capacity, writeLimit } = this.#options;
    const fault = this.#fault;
    const room = capacity - this.#held;
    if (room <= 0) return 0;
    let count = Math.min(bytes.length, room, writeLimit());
    if (fault !== undefined && fault.kind !== "stall") {
      count = Math.min(count, fault.after - this.#accepted);
    }
    this.#accepted += count;
    if (this.#broken) return count; // lost
    // slice() of a Buffer would not copy.
    const copy = new Uint8Array(bytes.subarray(0, count));
    this.#chunks.push({ bytes: copy, due: this.#due() });
    this.#held += count;
    return count;
  }

  /** Cuts or resets the pipe, once, after the configured number of bytes. */
  injectFault(): void {
    const fault = this.#fault;
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
      else if (this.#held > 0) return this.#wait();
      else if (this.#readError !== undefined) next.reject(this.#readError);
      else if (this.#endDue === undefined || this.#stops) return;
      else if (this.#endDue > this.#now()) return this.#wait();
      else next.resolve(null);
      this.#reads.shift();
    }
  }

  #fill(target: Uint8Array): number {
    const { readLimit } = this.#options;
    const fault = this.#fault;
    let limit = this.#stalled ? 0 : target.length;
    if (fault?.kind === "stall") {
      limit = Math.min(limit, fault.after - this.#delivered);
    }
    const now = this.#now();
    let first = this.#chunks[0];
    if (first === undefined || first.due > now || limit <= 0) return 0;
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
    if (this.#stops) return;
    const due = this.#chunks[0]?.due ?? this.#endDue ?? 0;
    clearTimeout(this.#timer);
    // If the bytes have become due by now, do not wait.
    const left = Math.max(0, Math.ceil(due - this.#now()));
    this.#timer = setTimeout(() => this.#run(), left);
  }

  /** Returns the time at which bytes written now arrive. */
  #due(): number {
    const due = this.#now() + (this.#options.latency?.() ?? 0);
    return this.#lastDue = Math.max(this.#lastDue, due);
  }

  #now(): number {
    return this.#options.latency === undefined ? 0 : performance.now();
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
