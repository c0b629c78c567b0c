/**
 * Connecting over a custom transport.
 *
 * @module
 */
import type { ConnectAddress } from "../../transport/connect.ts";
import { withInherited } from "../../support/check_options.ts";
import type { Connection } from "../../transport/connection.ts";

/**
 * A custom address: a name, and a function that connects to it.
 *
 * Pass it instead of an address to `createClient()` or `connect()`, for example
 * to connect through a tunnel or another process.
 *
 * @example Connect clients to a server without a listener
 * ```ts
 * import { createClient, createServer, protocol, unary } from "@lengthwise/lengthwise";
 * import { memoryPair } from "@lengthwise/lengthwise/testing";
 * import { assertEquals } from "@std/assert";
 *
 * const Echo = protocol({ name: "echo", server: { echo: unary<string, string>() } });
 * await using server = createServer(Echo).handle({ echo: (text) => text });
 *
 * await using client = createClient(Echo, {
 *   name: "here",
 *   connect() {
 *     const [near, far] = memoryPair();
 *     server.accept(far);
 *     return Promise.resolve(near);
 *   },
 * });
 * assertEquals(await client.remote.echo("hello"), "hello");
 * ```
 *
 * @category Clients
 */
export interface Connector {
  /** Name of the server, for events and errors. */
  readonly name: string;
  /**
   * Connects.
   *
   * @param signal aborted when the connection is no longer needed, or has not
   * been established in time
   * @throws {TransportError} if no connection can be established now; a client
   * tries again unless the code is permanent, such as `forbidden`; other errors
   * are converted, for example errors that `Deno.connect()` throws
   */
  connect(signal: AbortSignal): Promise<Connection>;
}

/** An address of a server. */
export type ClientAddress = ConnectAddress | Connector;

/** Returns whether an address is a {@linkcode Connector}. */
export function isConnector(
  address: ConnectAddress | Connector | Connection | readonly unknown[],
): address is Connector {
  return typeof address === "object" && address !== null &&
    "connect" in address && typeof address.connect === "function";
}

/**
 * Checks that options of the transport have an effect: connectors connect by
 * themselves, so that `tls`, for one, would be dropped.
 *
 * @param where the function that takes the options
 * @param locations whether a session may move to addresses that are not connectors
 * @throws {TypeError} if all addresses are connectors, and an option is given
 */
export function checkUnusedTransport(
  where: string,
  addresses: readonly ClientAddress[],
  transport: object | undefined,
  locations: boolean,
): void {
  if (transport === undefined || locations || addresses.length === 0) return;
  if (!addresses.every(isConnector)) return;
  for (const [name, value] of Object.entries(withInherited(transport))) {
    if (value === undefined) continue;
    throw new TypeError(
      `Cannot use the option "${name}" of ${where} with a connector, which connects by itself: omit the option`,
    );
  }
}
