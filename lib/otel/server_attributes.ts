/**
 * Attributes for the address to which a client connects.
 *
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import { ATTRIBUTE } from "./names.ts";

/** Attributes of an endpoint that is not one address. */
const NONE: Attributes = Object.freeze({});

/**
 * Returns the attributes for the endpoint of a client's session.
 *
 * The conventions want the configured address, not that of the socket. Of
 * several addresses, the one in use is not known.
 *
 * @param endpoint the address as text, or the name of a connector
 */
export function serverAttributes(endpoint: string): Attributes {
  if (endpoint === "" || endpoint.includes(", ")) return NONE;
  const authority = /^(?:tcp|tls|wss?):\/\/([^/?#]+)/i.exec(endpoint)?.[1];
  if (authority === undefined) {
    const path = /^(?:tls\+)?unix:(.*)$/s.exec(endpoint)?.[1];
    return { [ATTRIBUTE.serverAddress]: path ?? endpoint };
  }
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  const address = host.replace(/^\[(.*)\]$/, "$1");
  const number = port ?? (/^wss:/i.test(endpoint) ? 443 : 80);
  return {
    [ATTRIBUTE.serverAddress]: address,
    [ATTRIBUTE.serverPort]: Number(number),
  };
}
