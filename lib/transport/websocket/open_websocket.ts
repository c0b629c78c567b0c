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
import type { WebSocketConnection } from "./websocket_connection.ts";

/** Options for {@linkcode openWebSocket}. */
export interface OpenWebSocketOptions {
  /** Subprotocols to offer. */
  protocols: string[];
  /** Headers of the opening handshake. */
  headers: Record<string, string> | undefined;
  /** TLS options for `wss:`. */
  tls: TlsClientOptions | undefined;
  /**
   * Adapts the new socket in the same turn: in Node.js, a socket may report its
   * failure at the end of it.
   */
  adapt(socket: WebSocket): WebSocketConnection;
}

/** A WebSocket that is opening, and its HTTP client. */
export interface OpenedWebSocket {
  /** The connection, in its opening handshake. */
  connection: WebSocketConnection;
  /** The socket's HTTP client; close it once the socket has finished. */
  client: Deno.HttpClient | undefined;
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
    const connection = adapt(construct(protocols, context));
    return { connection, client: undefined };
  }
  requireDeno({ verb: "set 'headers' or 'tls' of", address });
  const client = tls && await httpClient(tls, context);
  try {
    const socket = construct({
      protocols,
      ...(headers && { headers }),
      ...(client && { client }),
    }, context);
    return { connection: adapt(socket), client };
  } catch (error) {
    client?.close();
    throw error;
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

function construct(
  options: ConstructorParameters<typeof WebSocket>[1],
  context: FailureContext,
): WebSocket {
  const { address } = context;
  try {
    return new WebSocket(address, options);
  } catch (cause) {
    if (!(cause instanceof DOMException)) throw failure(cause, context);
    throw new TransportError(
      `Cannot connect to ${address}: it must be a 'ws://' or 'wss://' URL without a fragment (${cause.message})`,
      { code: "address-invalid", address, cause },
    );
  }
}
