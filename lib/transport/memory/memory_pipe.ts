/**
 * One direction of a memory connection: bytes in order, bounded, with the
 * behaviour of a real socket buffer and with faults on demand.
 *
 * Only a pipe with latency looks at the clock or sets a timer.
 *
 * @module
 */
import { TransportError, type TransportErrorKind } from "../errors.ts";

/** What a pipe does to the bytes that pass. */
export interface PipeShape {
  /** Bytes held between writer and reader. */
  readonly capacity: number;
  /** Milliseconds from write to read. */
  readonly latency: number;
  /** Draws how many bytes the next read may return. */
  readonly readLimit: () => number;
  /** Draws how many bytes the next write may take. */
  readonly writeLimit: () => number;
  /** What happens behind byte `after`. */
  readonly fault?: { readonly kind: string; readonly after: number };
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

/** One direction. The writer's end and the reader's end are the same object. */
export class MemoryPipe {
  /** Called when the fault `"reset"` strikes, to fail the other direction as well. */
  onReset: (() => void) | undefined;
  #shape: PipeShape;
  #address: string;
  #chunks: Chunk[] = [];
  #reads: Pending<number | null>[] = [];
  #writes: Pending<number>[] = [];
  #held = 0;
  #accepted = 0;
  #delivered = 0;
  #struck = false;
  #endDue: number | undefined;
  #readError: TransportError | undefined;
  #writeError: TransportError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(shape: PipeShape, address: string) {
    this.#shape = shape;
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

  /** The writer half-closes: what it wrote still arrives, then the end. */
  end(): void {
    this.#endDue ??= this.#due();
    this.#failWrites("reset", "this side has ended its stream");
    this.#run();
  }

  /** The writer closes: like {@linkcode MemoryPipe.end}, for pending writes too. */
  dropWriter(): void {
    this.#endDue ??= this.#due();
    this.#failWrites("closed", "this side has closed the connection");
    this.#run();
  }

  /** The reader closes: nobody will take what is on its way. */
  dropReader(): void {
    clearTimeout(this.#timer);
    this.#chunks = [];
    this.#held = 0;
    this.#failReads("closed", "this side has closed the connection");
    this.#failWrites("reset", "the peer has gone");
    this.#run();
  }

  /** Fails the writer now, and the reader behind what was delivered to its side. */
  reset(): void {
    this.#failReads("reset", "the connection was reset");
    this.#failWrites("reset", "the connection was reset");
    this.#run();
  }

  #run(): void {
    this.#takeWrites();
    this.#serveReads();
    // A read has made room.
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
      // Behind the shift: a fault rejects those that are still waiting.
      this.strike();
    }
  }

  #accept(bytes: Uint8Array): number {
    const { capacity, writeLimit, fault } = this.#shape;
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

  /** Cuts or resets, once, when the scripted number of bytes has passed. */
  strike(): void {
    const { fault } = this.#shape;
    if (this.#struck || fault === undefined) return;
    if (this.#accepted < fault.after) return;
    this.#struck = true;
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
      else if (this.#held > 0 && !this.#readerGone()) return this.#wait();
      else if (this.#readError !== undefined) next.reject(this.#readError);
      else if (this.#endDue === undefined) return;
      else if (this.#endDue > this.#now()) return this.#wait();
      else next.resolve(null);
      this.#reads.shift();
    }
  }

  #readerGone(): boolean {
    return this.#readError?.kind === "closed";
  }

  #fill(target: Uint8Array): number {
    const { fault, readLimit } = this.#shape;
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

  /** A read waits for bytes under way: only then is there a timer. */
  #wait(): void {
    const { fault } = this.#shape;
    if (fault?.kind === "stall" && this.#delivered >= fault.after) return;
    const due = this.#chunks[0]?.due ?? this.#endDue ?? 0;
    clearTimeout(this.#timer);
    // What has become due since it was looked at must not be slept through.
    const left = Math.max(0, Math.ceil(due - this.#now()));
    this.#timer = setTimeout(() => this.#run(), left);
  }

  #due(): number {
    return this.#now() + this.#shape.latency;
  }

  #now(): number {
    return this.#shape.latency === 0 ? 0 : performance.now();
  }

  #failReads(kind: TransportErrorKind, why: string): void {
    this.#readError ??= this.#error("read from", kind, why);
  }

  #failWrites(kind: TransportErrorKind, why: string): void {
    this.#writeError ??= this.#error("write to", kind, why);
  }

  #error(verb: string, kind: TransportErrorKind, why: string): TransportError {
    const address = this.#address;
    return new TransportError(`Cannot ${verb} ${address}: ${why}`, {
      kind,
      address,
    });
  }
}
