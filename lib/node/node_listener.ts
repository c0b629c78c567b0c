/**
 * A listening socket of `node:net`.
 *
 * @module
 */
import type { Server, Socket } from "node:net";
import type { Connection, SocketAddress } from "../transport/connection.ts";
import type { PlatformListener } from "../transport/platform.ts";
import { NodeStreams } from "../transport/node_streams.ts";
import { acceptedAddresses } from "./node_addresses.ts";

interface Waiting {
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/**
 * A server of `node:net` whose clients wait for `accept`.
 *
 * The server accepts on its own; unaccepted clients wait here, unread, as they
 * would in the backlog of the operating system.
 */
export class NodeListener implements PlatformListener {
  readonly addr: SocketAddress;
  #server: Server;
  #backlog: number;
  #clients: Socket[] = [];
  #errors: unknown[] = [];
  #waiting: Waiting[] = [];
  #closed = false;

  /**
   * @param server a listening server with `allowHalfOpen` and `pauseOnConnect`
   * @param addr the bound address
   * @param backlog number of clients that may wait; others are disconnected
   */
  constructor(server: Server, addr: SocketAddress, backlog: number) {
    this.addr = addr;
    this.#server = server;
    this.#backlog = backlog;
    server.on("connection", (socket) => this.#take(socket));
    server.on("error", (error) => this.#fail(error));
  }

  accept(): Promise<Connection> {
    if (this.#closed) return Promise.reject(closed());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#serve();
    });
  }

  close(): void {
    this.#closed = true;
    this.#server.close();
    for (const client of this.#clients.splice(0)) client.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(closed());
  }

  ref(): void {
    this.#server.ref();
  }

  unref(): void {
    this.#server.unref();
  }

  #take(client: Socket): void {
    if (this.#closed || this.#clients.length >= this.#backlog) {
      client.destroy();
      return;
    }
    // Without a listener, a client's reset would end the process.
    client.on("error", () => {});
    this.#clients.push(client);
    this.#serve();
  }

  #fail(error: unknown): void {
    this.#errors.push(error);
    this.#serve();
  }

  #serve(): void {
    while (this.#waiting.length > 0) {
      if (this.#errors.length > 0) {
        this.#waiting.shift()!.reject(this.#errors.shift());
        continue;
      }
      const client = this.#clients.shift();
      if (client === undefined) return;
      // The client has disconnected, so its address is unknown.
      if (client.destroyed) continue;
      const addresses = acceptedAddresses(client, this.addr);
      this.#waiting.shift()!.resolve(
        new NodeStreams(client, client, addresses),
      );
    }
  }
}

function closed(): Error {
  return Object.assign(new Error("the listener is closed"), {
    name: "BadResource",
  });
}
