/**
 * A peer that stops reading and continues later.
 *
 * @module
 */
import type {
  Connection,
  SocketAddress,
} from "../../lib/transport/connection.ts";

/** A connection whose reads wait while it is shut. */
export class Gated implements Connection {
  #gate: PromiseWithResolvers<void> | undefined = undefined;
  readonly #inner: Connection;

  constructor(inner: Connection) {
    this.#inner = inner;
  }

  get localAddr(): SocketAddress {
    return this.#inner.localAddr;
  }

  get remoteAddr(): SocketAddress {
    return this.#inner.remoteAddr;
  }

  shut(): void {
    this.#gate ??= Promise.withResolvers<void>();
  }

  open(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const count = await this.#inner.read(buffer);
    // Bytes that were read are held back until the gate opens.
    await this.#gate?.promise;
    return count;
  }

  write(data: Uint8Array): Promise<number> {
    return this.#inner.write(data);
  }

  closeWrite(): Promise<void> {
    return this.#inner.closeWrite();
  }

  close(): void {
    this.open();
    this.#inner.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
