/**
 * The transport of a client: how it reaches the addresses of servers.
 *
 * Entry points choose it, so that a program for browsers carries no sockets of
 * the operating system.
 *
 * @module
 */
import type {
  ConnectAddress,
  ConnectOptions,
} from "../../transport/connect.ts";
import type { Connection } from "../../transport/connection.ts";
import { type Connector, isConnector } from "./connector.ts";

/** How a client reaches the addresses of servers. */
export interface ClientTransport {
  /**
   * Checks addresses and options before any attempt to connect.
   *
   * @throws {TypeError} if an option has no effect at any of the addresses
   * @throws {RangeError} if an option is out of range
   * @throws {TransportError} `address-invalid`, if a text is not an address
   */
  check(addresses: readonly ConnectAddress[], options: ConnectOptions): void;
  /**
   * Returns the text of an address.
   *
   * @throws {TransportError} `address-invalid`, if a text is not an address
   */
  nameOf(address: ConnectAddress): string;
  /**
   * Connects to an address, or to the first reachable one of several.
   *
   * @throws {TransportError} if no connection can be established
   */
  connect(
    address: ConnectAddress | readonly ConnectAddress[],
    options: ConnectOptions,
  ): Promise<Connection>;
  /** Returns the options that have an effect at an address. */
  optionsFor(address: ConnectAddress, options: ConnectOptions): ConnectOptions;
  /** Converts an error of a connector, so that a client tries again. */
  failure(error: unknown, connector: string): Error;
}

/**
 * Returns the text of an address, or the name of a connector.
 *
 * @throws {TransportError} `address-invalid`, if a text is not an address
 */
export function endpointName(
  address: ConnectAddress | Connector,
  transport: ClientTransport,
): string {
  return isConnector(address) ? address.name : transport.nameOf(address);
}
