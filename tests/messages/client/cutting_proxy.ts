/**
 * A TCP proxy that cuts the connections through it.
 *
 * @module
 */

/** A proxy for one server. */
export class CuttingProxy implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #server: Deno.NetAddr;
  readonly #open: Set<Deno.TcpConn> = new Set();
  readonly #work: Promise<unknown>[] = [];
  /** Whether new connections are closed at once. */
  refuses = false;
  /** Whether bytes are held back. */
  stalled: Promise<void> | undefined = undefined;
  /** Number of connections that were accepted. */
  accepted = 0;
  /** Number of bytes that went through, in both directions. */
  bytes = 0;
  /** Called after bytes went through. */
  onBytes: () => void = () => {};

  /** @param server the server's address */
  constructor(server: Deno.NetAddr) {
    this.#server = server;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#work.push(this.#acceptAll());
  }

  /** Address of the proxy. */
  get addr(): Deno.NetAddr {
    return this.#listener.addr;
  }

  /** Cuts all connections, and refuses new ones for a time. */
  async cut(ms = 0): Promise<void> {
    this.refuses = ms > 0;
    for (const conn of this.#open) close(conn);
    this.#open.clear();
    await new Promise((resolve) => setTimeout(resolve, ms));
    this.refuses = false;
  }

  async #acceptAll(): Promise<void> {
    for await (const near of this.#listener) {
      if (this.refuses) {
        close(near);
        continue;
      }
      this.accepted++;
      const { hostname, port } = this.#server;
      const far = await Deno.connect({ hostname, port });
      this.#open.add(near).add(far);
      this.#work.push(this.#copy(near, far), this.#copy(far, near));
    }
  }

  async #copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (;;) {
        const count = await from.read(buffer);
        await this.stalled;
        if (count === null) break;
        for (let at = 0; at < count;) {
          at += await to.write(buffer.subarray(at, count));
        }
        this.bytes += count;
        this.onBytes();
      }
      await to.closeWrite();
    } catch {
      close(from);
      close(to);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    close(this.#listener);
    await this.cut();
    await Promise.all(this.#work);
  }
}

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It is closed already.
  }
}
