/**
 * Published bytes that may not have reached the NATS server.
 *
 * The NATS client does not bound them, and drops them with its connection.
 *
 * @module
 */
import type { ConnectionStatus } from "./connection_status.ts";
import type { NatsConnection } from "./nats_connection.ts";

/** Measures what is unsent, with one flush under way at a time. */
export class UnflushedBytes {
  readonly #connection: NatsConnection;
  readonly #most: number;
  readonly #onFlushed: () => void;
  readonly #following: Disposable;
  #bytes = 0;
  #flushing = false;
  #losses = 0;

  /**
   * @param connection the connection
   * @param followed its status
   * @param most maximum number of bytes
   * @param onFlushed called when bytes have reached the NATS server
   */
  constructor(
    connection: NatsConnection,
    followed: ConnectionStatus,
    most: number,
    onFlushed: () => void = () => {},
  ) {
    this.#connection = connection;
    this.#most = most;
    this.#onFlushed = onFlushed;
    this.#following = followed.onStatus((status) => {
      if (status === "up") return;
      this.#losses++; // the client drops what it has not sent
      this.#bytes = 0;
      this.#flushing = false;
    });
  }

  /** Number of losses of the connection: a flush before one proves nothing. */
  get losses(): number {
    return this.#losses;
  }

  /** Returns whether a message may be published; a single one always may. */
  fits(length: number): boolean {
    return this.#bytes === 0 || this.#bytes + length <= this.#most;
  }

  /** Counts a message that was published. */
  add(length: number): void {
    this.#bytes += length;
    this.#flush();
  }

  /** Stops following the connection. */
  stop(): void {
    this.#following[Symbol.dispose]();
  }

  #flush(): void {
    if (this.#flushing || this.#bytes === 0) return;
    this.#flushing = true;
    const losses = this.#losses;
    const flushed = this.#bytes;
    this.#connection.flush().then(() => {
      if (losses !== this.#losses) return;
      this.#bytes -= flushed;
      this.#flushing = false;
      this.#flush();
      this.#onFlushed();
    }, () => {
      if (losses === this.#losses) this.#flushing = false;
    });
  }
}
