/**
 * A relay that can reset connections, which a `Deno.Conn` cannot.
 *
 * @module
 */
import { once } from "node:events";
import {
  type AddressInfo,
  createConnection,
  createServer,
  type Socket,
} from "node:net";

/** Forwards bytes over TCP until it resets both connections. */
export class ResetRelay {
  /** Port to connect to. */
  readonly port: number;
  #sockets: Socket[];
  #closed: Promise<unknown>;

  private constructor(
    port: number,
    { sockets, closed }: { sockets: Socket[]; closed: Promise<unknown> },
  ) {
    this.port = port;
    this.#sockets = sockets;
    this.#closed = closed;
  }

  /**
   * Listens for one client and connects it to the server.
   *
   * @param target port of the server
   */
  static async open(target: number): Promise<ResetRelay> {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (inner) => {
      server.close(); // one client only
      const outer = createConnection({ port: target, allowHalfOpen: true });
      sockets.push(inner, outer);
      for (const [from, to] of [[inner, outer], [outer, inner]] as const) {
        from.on("error", () => {}); // "close" follows
        from.on("close", () => to.destroy());
        from.pipe(to);
      }
    });
    const closed = once(server, "close");
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // A server that listens on a host and a port has an AddressInfo.
    const { port } = server.address() as AddressInfo;
    return new ResetRelay(port, { sockets, closed });
  }

  /** Resets both connections and waits until all sockets are closed. */
  async reset(): Promise<void> {
    // Before a socket knows that it is connected, Deno ends it instead.
    for (const socket of this.#sockets) {
      if (socket.connecting) await once(socket, "connect");
    }
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await this.#closed;
  }
}
