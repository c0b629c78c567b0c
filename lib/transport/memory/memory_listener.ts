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
import {
  type LowerConnection,
  SocketConnectionImpl,
} from "../socket_connection_impl.ts";

/**
 * Options for connecting to a memory listener.
 *
 * @category Sockets
 */
export interface MemoryConnectOptions {
  /** Behavior of the link between client and server. */
  link?: Omit<MemoryPairOptions, "name"> | undefined;
}

/** Maximum number of clients waiting for `accept`, as for TCP in Deno. */
const BACKLOG = 511;

const listeners = new Map<string, Backlog>();

/** The connections waiting for `accept`. */
export class Backlog {
  readonly #waiting: Connection[] = [];
  #accept: PromiseWithResolvers<Connection> | undefined;
  readonly #address: string;

  /** @param address address of the listener, for errors */
  constructor(address: string) {
    this.#address = address;
  }

  /** Returns the listener that accepts the connections. */
  listener(
    name: string,
    options: ListenerOptions,
    onClose: () => void,
  ): SocketListener {
    return new SocketListenerImpl({
      addr: { transport: "memory", name },
      close: () => {
        onClose();
        this.close();
      },
      accept: async (connectionOptions) =>
        new SocketConnectionImpl(await this.accept(), connectionOptions),
    }, options);
  }

  /** Adds a connection; returns `false` if too many are waiting. */
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

  /** Waits for the next connection. */
  accept(): Promise<Connection> {
    const next = this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    this.#accept = Promise.withResolvers();
    return this.#accept.promise;
  }

  /** Closes the connections and rejects a pending `accept`. */
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
  return backlog.listener(name, options, () => listeners.delete(name));
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
  return connectTo(
    listeners.get(name),
    text,
    () => memoryEnds({ ...options.link, name }),
  );
}

/**
 * Connects to a listener.
 *
 * @param backlog the listener's connections, if there is a listener
 * @param address its address, for errors
 * @param ends creates both ends of the connection
 * @throws {TransportError} as `connectMemory` does
 */
export function connectTo(
  backlog: Backlog | undefined,
  address: string,
  ends: () => readonly [client: LowerConnection, server: LowerConnection],
): SocketConnection {
  if (backlog === undefined) {
    throw new TransportError(
      `Cannot connect to ${address}: nothing is listening on the address`,
      { code: "refused", address },
    );
  }
  const [client, server] = ends();
  if (backlog.offer(server)) return new SocketConnectionImpl(client);
  throw new TransportError(
    `Cannot connect to ${address}: ${BACKLOG} clients are waiting to be accepted; try again later`,
    { code: "limit", address },
  );
}
