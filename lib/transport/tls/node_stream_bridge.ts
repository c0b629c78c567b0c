/**
 * A {@linkcode Connection} as the `node:stream` that `node:tls` stands on.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { NodeModules } from "./node_modules.ts";
import type { Connection } from "../connection.ts";

/** An idle connection reads with this much … */
const SMALL_READ = 2 * 1024;
/** … and with this much once a read has filled its buffer. */
const LARGE_READ = 64 * 1024;

/** What the bridge needs of `node:`. */
export type BridgeModules = Pick<NodeModules, "Duplex" | "setImmediate">;

type Done = (error?: Error | null) => void;

/** The stream, and what it knows of the socket under it. */
export class TlsBridge {
  /** What `node:tls` reads from and writes to. */
  readonly stream: Duplex;
  /** The socket has ended, and all that it brought has gone up. */
  ended = false;
  /** What the socket threw first, if anything. */
  error: unknown;
  #raw: Connection;
  #full: () => boolean;
  #turn: () => Promise<void>;
  #size = SMALL_READ;
  #waiting = false;
  #sent = 0;
  #idle: (() => void) | undefined;
  #cut = false;
  #destroy: (error?: Error) => Duplex;

  /**
   * @param modules of `node:`
   * @param raw the socket; it belongs to the bridge from now on
   * @param full whether what stands above has no room: then nothing is read
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
    // `node:tls` destroys the stream first and writes the alert that says why
    // later in the same turn: so the socket closes a turn after. Where all went
    // well there are bytes to send yet: it counts them as written before.
    this.stream.destroy = (error) => {
      if (error) this.error ??= error;
      modules.setImmediate(() => error ? this.cut() : this.finish());
      return this.stream;
    };
    this.stream.once("end", () => this.ended = true);
    // The first error is kept above; a stream nobody listens to would throw it.
    this.stream.on("error", () => {});
  }

  /** There is room above again: reads on. */
  pull(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#wanted();
  }

  /** Bytes that the socket has taken. */
  get sent(): number {
    return this.#sent;
  }

  /** Waits until the socket has taken all that `node:tls` has for it. */
  async idle(): Promise<void> {
    await this.#turn(); // it hands its records on a little later
    while (this.#busy) {
      await new Promise<void>((resolve) => this.#idle = resolve);
      await this.#turn();
    }
  }

  get #busy(): boolean {
    return this.stream.writableLength > 0 && !this.stream.destroyed;
  }

  /** Closes the socket behind what has been written, however long that takes. */
  finish(): void {
    if (this.stream.writableFinished || this.stream.destroyed) {
      return this.cut();
    }
    this.stream.once("finish", () => this.cut());
    this.stream.end();
  }

  /** Closes the socket now. */
  cut(): void {
    if (this.#cut) return;
    this.#cut = true;
    try {
      this.#raw.close();
    } catch {
      // Closed already: what was asked for has been done.
    }
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
      if (this.#cut) return;
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
      // Behind `done`, which says that the stream has taken it.
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
    if (!this.#cut) this.error ??= error;
    const cause = error instanceof Error ? error : new Error(String(error));
    this.#destroy(cause);
    return cause;
  }
}
