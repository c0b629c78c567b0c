/**
 * Named listeners within one process, in any runtime.
 *
 * @module
 */
import { checkAddress, formatAddress, type MemoryAddress } from "../address.ts";
import type { Connection } from "../connection.ts";
import { TransportError } from "../errors.ts";
import { SocketListenerImpl } from "../socket_listener_impl.ts";
import type { ListenerOptions, SocketListener } from "../socket_listener.ts";
import { memoryEnds, type MemoryPairOptions } from "./memory_pair.ts";
import type { SocketConnection } from "../socket_connection.ts";
import { SocketConnectionImpl } from "../socket_connection_impl.ts";

/** Options for connecting to a memory listener. */
export interface MemoryConnectOptions {
  /** Behavior of the link between client and server. */
  link?: Omit<MemoryPairOptions, "name"> | undefined;
}

/** Maximum number of clients waiting for `accept`, as for TCP in Deno. */
const BACKLOG = 511;

const listeners = new Map<string, Backlog>();

/** The connections waiting for `accept`. */
class Backlog {
  readonly #waiting: Connection[] = [];
  #accept: PromiseWithResolvers<Connection> | undefined;
  readonly #address: string;

  constructor(address: string) {
    this.#address = address;
  }

  offer(connection: Connection): boolean {
    if (this.#accept === undefined) {
      if (this.#waiting.length === BACKLOG) return false;
      this.#waiting.push(connection);
    } else {
      this.#accept.resolve(connection);
      this.#accept = undefined;
    }
    return true;
  }

  accept(): Promise<Connection> {
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#accept = Promise.withResolvers();
    return this.#accept.promise;
  }

  close(): void {
    for (const connection of this.#waiting.splice(0)) connection.close();
    this.#accept?.reject(
      new TransportError(
        `Cannot accept on ${this.#address}: the listener is closed`,
        { code: "closed", address: this.#address },
      ),
    );
  }
}

/**
 * Listens on a name within this process.
 *
 * @param address the name
 * @param options options for the listener
 * @throws {TransportError} with code `"address-in-use"` if the name is taken
 */
export function listenMemory(
  address: MemoryAddress,
  options: ListenerOptions = {},
): SocketListener {
  const { memory: name } = checkAddress(address);
  const text = formatAddress(address);
  if (listeners.has(name)) {
    throw new TransportError(
      `Cannot listen on ${text}: the name is in use; close its listener or choose another name`,
      { code: "address-in-use", address: text },
    );
  }
  const backlog = new Backlog(text);
  listeners.set(name, backlog);
  return new SocketListenerImpl({
    addr: { transport: "memory", name },
    close: () => {
      listeners.delete(name);
      backlog.close();
    },
    accept: async (connectionOptions) =>
      new SocketConnectionImpl(await backlog.accept(), connectionOptions),
  }, options);
}

/**
 * Connects to a name within this process.
 *
 * @param address the name
 * @param options behavior of the link
 * @throws {TransportError} with code `"refused"` if nothing listens on the name, or
 * with code `"limit"` if the backlog is full
 */
export function connectMemory(
  address: MemoryAddress,
  options: MemoryConnectOptions = {},
): SocketConnection {
  const { memory: name } = checkAddress(address);
  const text = formatAddress(address);
  const backlog = listeners.get(name);
  if (backlog === undefined) {
    throw new TransportError(
      `Cannot connect to ${text}: nothing is listening on the address`,
      { code: "refused", address: text },
    );
  }
  const [client, server] = memoryEnds({ ...options.link, name });
  if (backlog.offer(server)) return new SocketConnectionImpl(client);
  throw new TransportError(
    `Cannot connect to ${text}: ${BACKLOG} clients are waiting to be accepted; try again later`,
    { code: "limit", address: text },
  );
}
