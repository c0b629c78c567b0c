/**
 * Names of the places to which a client connects.
 *
 * @module
 */
import type { ConnectAddress } from "../../transport/connect.ts";
import { formatAddress, resolveAddress } from "../../transport/address.ts";
import { type Connector, isConnector } from "./connector.ts";

/**
 * Returns the text of an address, or the name of a connector.
 *
 * @throws {TransportError} `address-invalid`, if a text is not an address
 */
export function endpointName(address: ConnectAddress | Connector): string {
  if (isConnector(address)) return address.name;
  const text = typeof address === "string" || address instanceof URL
    ? String(address)
    : "";
  if (/^wss?:/i.test(text)) return text;
  return formatAddress(resolveAddress(address, undefined));
}
