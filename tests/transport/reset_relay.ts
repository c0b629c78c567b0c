/**
 * A man in the middle that can reset, which no `Deno.Conn` can.
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

/** Passes bytes on over TCP until it resets both sides. */
export class ResetRelay {
  /** Where to dial. */
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
   * Listens for one client, on whose behalf it dials.
   *
   * @param target port of the server
   */
  static async open(target: number): Promise<ResetRelay> {
    const sockets: Socket[] = [];
    const server = createServer({ allowHalfOpen: true }, (inner) => {
      server.close(); // no further ones
      const outer = createConnection({ port: target, allowHalfOpen: true });
      sockets.push(inner, outer);
      for (const [from, to] of [[inner, outer], [outer, inner]] as const) {
        from.on("error", () => {}); // what follows is all that matters
        from.on("close", () => to.destroy());
        from.pipe(to);
      }
    });
    const closed = once(server, "close");
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    // With a host and a port to listen on, there is no other form.
    const { port } = server.address() as AddressInfo;
    return new ResetRelay(port, { sockets, closed });
  }

  /** Resets both sides, and waits until nothing is left. */
  async reset(): Promise<void> {
    // Before it knows that it is connected, a socket of Deno ends instead.
    for (const socket of this.#sockets) {
      if (socket.connecting) await once(socket, "connect");
    }
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await this.#closed;
  }
}
