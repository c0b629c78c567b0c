/**
 * A connection that follows a test's script and records the pump's calls.
 *
 * @module
 */
import type { Connection } from "../../../lib/transport/connection.ts";
import {
  afterIteration,
  afterPause,
  iterationsToPoll,
} from "../../../lib/framing/stream/event_loop_turn.ts";
import { concat } from "@std/bytes/concat";

/** Result of a read: bytes, the end of the stream, or an error. */
export type Chunk = Uint8Array | null | Error;

/** The error of a read or write that a local close interrupted. */
export class Interrupted extends Error {}

/** A connection that follows a script. */
export class ScriptedConnection implements Connection {
  readonly localAddr = { transport: "scripted" };
  readonly remoteAddr = { transport: "scripted" };

  /** Bytes that each write accepted. */
  readonly written: Uint8Array[] = [];
  /** Number of bytes passed to each write. */
  readonly offered: number[] = [];
  /** Memory of the buffer of each read. */
  readonly readMemory: ArrayBufferLike[] = [];
  /** Memory of the data of each write. */
  readonly writeMemory: ArrayBufferLike[] = [];
  /** Size of the buffer of each read. */
  readonly readSizes: number[] = [];

  /** Maximum bytes that one write accepts. */
  maxWrite = Infinity;
  /** Whether writes wait for `letWrite()`. */
  blocked = false;
  /** Error with which writes fail. */
  writeError: Error | undefined;

  /** Whether it has been closed, as a number; more is in `destroyed`. */
  closed = 0;
  /** Number of calls of `close` after the first one. */
  destroyed = 0;
  halfClosed = 0;
  /** Maximum number of concurrent writes so far. */
  writers = 0;

  #script: Chunk[];
  #writing = 0;
  #wakeRead = Promise.withResolvers<void>();
  #wakeWrite = Promise.withResolvers<void>();

  constructor(script: Chunk[] = []) {
    this.#script = [...script];
  }

  /** Adds results for reads. */
  feed(...chunks: Chunk[]): void {
    this.#script.push(...chunks);
    this.#wakeRead.resolve();
    this.#wakeRead = Promise.withResolvers();
  }

  /** Unblocks the pending write; set `blocked = false` for later ones. */
  letWrite(): void {
    this.#wakeWrite.resolve();
    this.#wakeWrite = Promise.withResolvers();
  }

  /** All bytes written, in order. */
  get sent(): Uint8Array {
    return concat(this.written);
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.readSizes.push(buffer.length);
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
    if (this.writeError !== undefined) throw this.writeError;
    const count = Math.min(data.length, this.maxWrite);
    this.written.push(data.slice(0, count));
    return count;
  }

  closeWrite(): Promise<void> {
    this.halfClosed++;
    return Promise.resolve();
  }

  close(): void {
    if (this.closed > 0) this.destroyed++;
    this.closed = 1;
    this.#wakeRead.resolve();
    this.#wakeWrite.resolve();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Shows the pump that this connection lingers itself. */
  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A connection that does not linger itself, like a `Deno.Conn`. */
export class PlainConnection extends ScriptedConnection {
  override [Symbol.asyncDispose] = undefined as never;
}

/**
 * Resolves after all microtasks, and after connections that wait for their turn
 * have had it.
 */
export async function settled(): Promise<void> {
  for (let i = 0; i <= iterationsToPoll(); i++) {
    await new Promise<void>(afterIteration);
  }
  await new Promise<void>(afterPause); // if polling took one
}

/** Returns a payload whose bytes count up from `seed`. */
export function payload(length: number, seed = length): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = seed + i;
  return bytes;
}
