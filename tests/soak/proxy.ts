/**
 * A proxy that cuts connections after any byte, and swallows their bytes.
 *
 * @module
 */

/** The directions that are lost: to the server is up. */
export type Silence = "none" | "up" | "down" | "both";

interface Pair {
  readonly client: Deno.TcpConn;
  readonly server: Deno.TcpConn;
  /** Bytes that still pass; then the connection is cut. */
  left: number;
  /** Directions whose bytes are swallowed. */
  silent: Silence;
}

/** Forwards connections to a port. */
export class Proxy {
  readonly #listener: Deno.TcpListener;
  readonly #port: number;
  readonly #pairs: Set<Pair> = new Set();
  /** Directions of new connections that are swallowed. */
  #silent: Silence = "none";

  /** @param port the server's port */
  constructor(port: number) {
    this.#port = port;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void this.#accept();
  }

  /** The port on which clients connect. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Number of open connections. */
  get size(): number {
    return this.#pairs.size;
  }

  /** Cuts the connections, each after some more bytes. */
  cut(bytes: () => number): void {
    for (const pair of this.#pairs) pair.left = bytes();
  }

  /** Swallows bytes from now on, or no more; what is lost stays lost. */
  setSilent(silent: Silence): void {
    this.#silent = silent;
    for (const pair of this.#pairs) {
      // A connection that has lost bytes can only be cut.
      if (silent === "none") {
        if (pair.silent !== "none") this.#close(pair);
      } else {
        const lost = pair.silent;
        pair.silent = lost === "none" || lost === silent ? silent : "both";
      }
    }
  }

  /** Closes everything. */
  close(): void {
    this.#listener.close();
    for (const pair of this.#pairs) this.#close(pair);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) void this.#forward(client);
  }

  async #forward(client: Deno.TcpConn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
    } catch {
      return client.close(); // the server is down
    }
    const pair = { client, server, left: Infinity, silent: this.#silent };
    this.#pairs.add(pair);
    await Promise.all([
      this.#pipe(pair, "up"),
      this.#pipe(pair, "down"),
    ]);
    this.#close(pair);
  }

  async #pipe(pair: Pair, way: "up" | "down"): Promise<void> {
    const { client, server } = pair;
    const [from, to] = way === "up" ? [client, server] : [server, client];
    const isSilent = () => pair.silent === way || pair.silent === "both";
    const buffer = new Uint8Array(16 * 1024);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        if (isSilent()) continue;
        const passes = Math.min(count, pair.left);
        pair.left -= passes;
        for (let sent = 0; sent < passes;) {
          sent += await to.write(buffer.subarray(sent, passes));
        }
        if (pair.left <= 0) return this.#close(pair);
      }
      if (!isSilent()) await to.closeWrite();
    } catch {
      this.#close(pair); // one side is gone
    }
  }

  #close(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    pair.client.close();
    pair.server.close();
  }
}
