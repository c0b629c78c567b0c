/**
 * Writes headers of the PROXY protocol, version 1.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import { parseIp } from "./ip_address.ts";

/**
 * Returns the header for a connection that a proxy passes on.
 *
 * Addresses that are not TCP, or of two families, are left out (`UNKNOWN`).
 *
 * @param source address of the client
 * @param destination address at which the proxy has accepted it
 */
export function proxyLine(
  source: SocketAddress,
  destination: SocketAddress,
): Uint8Array {
  const encoder = new TextEncoder();
  const { hostname: from = "", port: fromPort } = source;
  const { hostname: to = "", port: toPort } = destination;
  const [length, other] = [from, to].map((text) => parseIp(text)?.length);
  const known = length !== undefined && length === other &&
    fromPort !== undefined && toPort !== undefined;
  if (!known) return encoder.encode("PROXY UNKNOWN\r\n");
  const family = length === 4 ? "TCP4" : "TCP6";
  return encoder.encode(
    `PROXY ${family} ${from} ${to} ${fromPort} ${toPort}\r\n`,
  );
}
