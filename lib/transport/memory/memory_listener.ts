/**
 * Named listeners inside one process, in any runtime.
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

/** Options of a dialled memory connection: how the link behaves. */
export interface MemoryConnectOptions {
  /** How the link behaves. */
  link?: Omit<MemoryPairOptions, "name">;
}

/** Clients that wait for `accept`, as many as TCP has by default in Deno. */
const BACKLOG = 511;

const listeners = new Map<string, Backlog>();

/** Connections dialled and not accepted yet. */
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
        `Cannot accept on ${this.#address}: the listener has been closed`,
        { kind: "closed", address: this.#address },
      ),
    );
  }
}

/**
 * Listens on a name inside this process.
 *
 * @param address the name
 * @param options of the listener
 * @throws {TransportError} of kind `"address-in-use"`
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
      { kind: "address-in-use", address: text },
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
 * Connects to a name inside this process.
 *
 * @param address the name
 * @param options how the link behaves
 * @throws {TransportError} of kind `"refused"`, or `"limit"` for a full backlog
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
      `Cannot connect to ${text}: nobody listens there`,
      { kind: "refused", address: text },
    );
  }
  const [client, server] = memoryEnds({ ...options.link, name });
  if (backlog.offer(server)) return new SocketConnectionImpl(client);
  throw new TransportError(
    `Cannot connect to ${text}: ${BACKLOG} clients wait to be accepted; try later`,
    { kind: "limit", address: text },
  );
}
