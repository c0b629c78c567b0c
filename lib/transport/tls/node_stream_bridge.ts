/**
 * Adapts a {@linkcode Connection} to the `node:stream` that `node:tls` needs.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { NodeTls } from "./node_tls.ts";
import type { Connection } from "../connection.ts";
import { destroy } from "../destroy.ts";

/** Buffer size for reads of an idle connection, in bytes. */
const SMALL_READ = 2 * 1024;
/** Buffer size after a read has filled its buffer, in bytes. */
const LARGE_READ = 64 * 1024;

/** The `node:` exports that the bridge needs. */
export type BridgeModules = Pick<NodeTls, "Duplex" | "setImmediate">;

type Done = (error?: Error | null) => void;

/** A stream for `node:tls`, and the state of the socket below it. */
export class NodeStreamBridge {
  /** The stream that `node:tls` reads from and writes to. */
  readonly stream: Duplex;
  /** Whether the socket has ended and all its bytes have been delivered. */
  ended = false;
  /** The first error of the socket, if any. */
  error: unknown;
  #raw: Connection;
  #full: () => boolean;
  #turn: () => Promise<void>;
  #size = SMALL_READ;
  #waiting = false;
  #sent = 0;
  #idle: (() => void) | undefined;
  #aborted = false;
  #destroy: (error?: Error) => Duplex;

  /**
   * @param modules the `node:` exports
   * @param raw the socket; the bridge owns it
   * @param full returns whether the receiver is full; reading pauses while it is
   */
  constructor(modules: BridgeModules, raw: Connection, full: () => boolean) {
    this.#raw = raw;
    this.#full = full;
    this.#turn = () =>
      new Promise((resolve) => modules.setImmediate(() => resolve()));
    this.stream = new modules.Duplex({
      allowHalfOpen: true,
      read: () => this.#wanted(),
      write: (chunk, _encoding, done) => void this.#send(chunk, done),
      final: (done) => void this.#finish(done),
    });
    this.#destroy = this.stream.destroy.bind(this.stream);
    // After a failure `node:tls` destroys the stream first and writes its alert
    // later in the same turn, so the socket closes one turn later. Without a
    // failure there may be unsent bytes that `node:tls` counts as written, so
    // `finish` waits for them.
    this.stream.destroy = (error) => {
      if (error) this.error ??= error;
      modules.setImmediate(() => error ? this.abort() : this.finish());
      return this.stream;
    };
    this.stream.once("end", () => this.ended = true);
    // Without a listener, the stream would throw the error, which `error`
    // already holds.
    this.stream.on("error", () => {});
  }

  /** Resumes reading once the receiver has space again. */
  pull(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#wanted();
  }

  /** Number of bytes written to the socket. */
  get sent(): number {
    return this.#sent;
  }

  /** Keeps the process alive while the socket is open (the default). */
  ref(): void {
    this.#raw.ref?.();
  }

  /** Lets the process exit while the socket is open. */
  unref(): void {
    this.#raw.unref?.();
  }

  /** Waits until everything from `node:tls` has been written to the socket. */
  async idle(): Promise<void> {
    await this.#turn(); // `node:tls` passes its records on slightly later
    while (this.#busy) {
      await new Promise<void>((resolve) => this.#idle = resolve);
      await this.#turn();
    }
  }

  get #busy(): boolean {
    return this.stream.writableLength > 0 && !this.stream.destroyed;
  }

  /** Closes the socket after all pending writes, without a time limit. */
  finish(): void {
    if (this.stream.writableFinished || this.stream.destroyed) {
      return this.abort();
    }
    this.stream.once("finish", () => this.abort());
    this.stream.once("close", () => this.abort()); // the half-close has failed
    this.stream.end();
  }

  /** Closes the socket immediately. */
  abort(): void {
    if (this.#aborted) return;
    this.#aborted = true;
    destroy(this.#raw);
    this.#destroy();
  }

  #wanted(): void {
    if (this.#full()) this.#waiting = true;
    else void this.#receive();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(this.#size);
    try {
      const count = await this.#raw.read(buffer);
      if (this.#aborted) return;
      this.#size = count === this.#size ? LARGE_READ : SMALL_READ;
      this.stream.push(count === null ? null : buffer.subarray(0, count));
    } catch (error) {
      this.#fail(error);
    }
  }

  async #send(chunk: Uint8Array, done: Done): Promise<void> {
    try {
      for (let at = 0; at < chunk.length;) {
        const count = await this.#raw.write(chunk.subarray(at));
        this.#sent += count;
        at += count;
      }
    } catch (error) {
      return done(this.#fail(error));
    } finally {
      // Runs after `done`, because `done` updates the stream's `writableLength`.
      queueMicrotask(() => this.#idle?.());
    }
    done();
  }

  async #finish(done: Done): Promise<void> {
    try {
      await this.#raw.closeWrite();
    } catch (error) {
      return done(this.#fail(error));
    }
    done();
  }

  #fail(error: unknown): Error {
    if (!this.#aborted) this.error ??= error;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#destroy(cause);
    return cause;
  }
}
