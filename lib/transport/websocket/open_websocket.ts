/**
 * Creates the platform's WebSocket, with the options that only Deno supports.
 *
 * @module
 */
import { checkWebSocketTls } from "../address.ts";
import { failure, type FailureContext } from "../error_mapping.ts";
import { requireDeno } from "../require_deno.ts";
import { TransportError } from "../errors.ts";
import type { TlsClientOptions } from "../tls/tls_connection.ts";
import {
  constructWebSocket,
  type OpenedWebSocket,
  openPlainWebSocket,
  type PlainWebSocketOptions,
} from "./plain_websocket.ts";

/** Options for {@linkcode openWebSocket}. */
export interface OpenWebSocketOptions extends PlainWebSocketOptions {
  /** Headers of the opening handshake. */
  headers: Record<string, string> | undefined;
  /** TLS options for `wss:`. */
  tls: TlsClientOptions | undefined;
}

/**
 * Starts the opening handshake of a WebSocket.
 *
 * @param address the server's URL
 * @param options subprotocols, headers and TLS options
 * @throws {TransportError} with code `"address-invalid"`, `"unsupported"` or `"tls"`
 * @throws {TypeError} if `tls` is given for a URL without TLS
 */
export async function openWebSocket(
  address: string,
  { protocols, headers, tls, adapt }: OpenWebSocketOptions,
): Promise<OpenedWebSocket> {
  const context = { verb: "connect to", address };
  checkWebSocketTls(address, tls);
  if (headers === undefined && tls === undefined) {
    try {
      return openPlainWebSocket(address, { protocols, adapt });
    } catch (error) {
      throw failure(error, context);
    }
  }
  requireDeno({ verb: "set 'headers' or 'tls' of", address });
  const client = tls && await httpClient(tls, context);
  try {
    const socket = constructWebSocket(address, {
      protocols,
      ...(headers && { headers }),
      ...(client && { client }),
    });
    return { connection: adapt(socket), client };
  } catch (error) {
    client?.close();
    throw failure(error, context);
  }
}

async function httpClient(
  tls: TlsClientOptions,
  context: FailureContext,
): Promise<Deno.HttpClient> {
  const { caCerts, cert, key } = tls;
  reject("serverName", tls.serverName !== undefined, context);
  reject("alpnProtocols", tls.alpnProtocols !== undefined, context);
  reject(
    "requireCloseNotify",
    tls.requireCloseNotify !== undefined,
    context,
  );
  reject("defaultCaCerts: false", tls.defaultCaCerts === false, context);
  const { checkClient } = await import("../tls/certificate_checks.ts");
  await checkClient(tls, context);
  return Deno.createHttpClient({
    ...(caCerts && { caCerts: [...caCerts] }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
  });
}

function reject(
  name: string,
  given: boolean,
  { verb, address }: FailureContext,
): void {
  if (!given) return;
  throw new TransportError(
    `Cannot ${verb} ${address} with 'tls.${name}': Deno's WebSockets do not support it; omit it, or connect over 'tls://'`,
    { code: "unsupported", address },
  );
}
