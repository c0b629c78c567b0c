/**
 * A connection that does what the test says, and counts what the pump does.
 *
 * @module
 */
import type { Connection } from "../../../lib/transport/connection.ts";
import { concat } from "@std/bytes/concat";

/** What a read meets: bytes, the end of the stream, or an error. */
export type Chunk = Uint8Array | null | Error;

/** What the connection says to a read that its own close cut. */
export class Interrupted extends Error {}

/** A connection made of a script. */
export class ScriptedConnection implements Connection {
  readonly localAddr = { transport: "scripted" };
  readonly remoteAddr = { transport: "scripted" };

  /** Bytes of each write that was taken. */
  readonly written: Uint8Array[] = [];
  /** Bytes that each write offered. */
  readonly offered: number[] = [];
  /** Memory that was given to reads, and that writes came from. */
  readonly readMemory: ArrayBufferLike[] = [];
  readonly writeMemory: ArrayBufferLike[] = [];
  /** Size of the buffer of each read. */
  readonly asked: number[] = [];

  /** The most that one write takes. */
  takes = Infinity;
  /** Writes wait until `letWrite()`. */
  blocked = false;
  /** Writes are refused with this error. */
  refuses: Error | undefined;

  closed = 0;
  halfClosed = 0;
  /** The most writes that were under way at the same time. */
  writers = 0;

  #script: Chunk[];
  #writing = 0;
  #wakeRead = Promise.withResolvers<void>();
  #wakeWrite = Promise.withResolvers<void>();

  constructor(script: Chunk[] = []) {
    this.#script = [...script];
  }

  /** More for the reads. */
  feed(...chunks: Chunk[]): void {
    this.#script.push(...chunks);
    this.#wakeRead.resolve();
    this.#wakeRead = Promise.withResolvers();
  }

  /** Lets the blocked write, and with `blocked = false` all later ones, go on. */
  letWrite(): void {
    this.#wakeWrite.resolve();
    this.#wakeWrite = Promise.withResolvers();
  }

  /** All that was written, in order. */
  get sent(): Uint8Array {
    return concat(this.written);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.asked.push(buffer.length);
    this.readMemory.push(buffer.buffer);
    while (this.#script.length === 0 && this.closed === 0) {
      await this.#wakeRead.promise;
    }
    if (this.closed > 0) throw new Interrupted("closed by this side");
    const next = this.#script[0];
    if (next === null || next === undefined) return null;
    if (next instanceof Error) throw next;
    const count = Math.min(next.length, buffer.length);
    buffer.set(next.subarray(0, count));
    if (count === next.length) this.#script.shift();
    else this.#script[0] = next.subarray(count);
    return count;
  }

  async write(data: Uint8Array): Promise<number> {
    this.offered.push(data.length);
    this.writeMemory.push(data.buffer);
    this.writers = Math.max(this.writers, ++this.#writing);
    if (this.blocked) await this.#wakeWrite.promise;
    this.#writing--;
    if (this.closed > 0) throw new Interrupted("closed by this side");
    if (this.refuses !== undefined) throw this.refuses;
    const count = Math.min(data.length, this.takes);
    this.written.push(data.slice(0, count));
    return count;
  }

  closeWrite(): Promise<void> {
    this.halfClosed++;
    return Promise.resolve();
  }

  close(): void {
    this.closed++;
    this.#wakeRead.resolve();
    this.#wakeWrite.resolve();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Settles when all microtasks, and one turn of the event loop, have run. */
export function settled(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** A payload that tells its number and its length. */
export function payload(length: number, seed = length): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed + i;
  return bytes;
}
