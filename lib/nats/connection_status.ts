/**
 * Whether a NATS connection is up. One object follows a connection, however many
 * buses and listeners use it.
 *
 * @module
 */
import type { BusStatus } from "../messages/bus/bus.ts";
import { StatusListeners } from "../messages/bus/status_listeners.ts";
import type { NatsConnection } from "./nats_connection.ts";

/** Follows the status of a connection. */
export class ConnectionStatus {
  readonly #status: StatusListeners = new StatusListeners();

  /** Follows a connection, which is connected, or has been. */
  constructor(connection: NatsConnection) {
    if (connection.isClosed()) {
      this.#status.change("closed");
      return;
    }
    this.#follow(connection);
    const closed = () => this.#status.change("closed");
    connection.closed().then(closed, closed);
  }

  /** The status. */
  get status(): BusStatus {
    return this.#status.status;
  }

  /** Calls a function with each new status. */
  onStatus(listener: (status: BusStatus) => void): Disposable {
    return this.#status.add(listener);
  }

  async #follow(connection: NatsConnection): Promise<void> {
    try {
      for await (const { type } of connection.status()) {
        if (type === "disconnect") this.#status.change("down");
        else if (type === "reconnect") this.#status.change("up");
      }
    } catch {
      // closed() says so
    }
  }
}

const followed: WeakMap<NatsConnection, ConnectionStatus> = new WeakMap();

/** Returns the status of a connection. */
export function statusOf(connection: NatsConnection): ConnectionStatus {
  const existing = followed.get(connection);
  if (existing !== undefined) return existing;
  const status = new ConnectionStatus(connection);
  followed.set(connection, status);
  return status;
}
