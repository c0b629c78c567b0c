/**
 * Makes the platform's WebSocket, with what only Deno knows of.
 *
 * @module
 */
import { failure, type FailureContext } from "../failure.ts";
import { requireDeno } from "../platform.ts";
import { TransportError } from "../errors.ts";
import type { TlsClientOptions } from "../tls/tls_connection.ts";

/** What a WebSocket is dialled with. */
export interface WebSocketDialOptions {
  /** Subprotocols to offer. */
  protocols: string[];
  /** Headers of the opening handshake. */
  headers: Record<string, string> | undefined;
  /** For `wss:`. */
  tls: TlsClientOptions | undefined;
}

/** A WebSocket on its way. */
export interface DialledWebSocket {
  /** Opening. */
  socket: WebSocket;
  /** Gives up what it stands on; to be called once it has gone. */
  release: () => void;
}

/**
 * Dials.
 *
 * @param address a URL
 * @param options what only Deno knows of
 * @throws {TransportError} of kind `"address-invalid"`, `"unsupported"` or `"tls"`
 */
export async function dialWebSocket(
  address: string,
  { protocols, headers, tls }: WebSocketDialOptions,
): Promise<DialledWebSocket> {
  const context = { verb: "connect to", address };
  const secure = /^wss:/i.test(address) ? tls : undefined;
  if (headers === undefined && secure === undefined) {
    return { socket: construct(protocols, context), release: () => {} };
  }
  requireDeno({ verb: "set 'headers' or 'tls' of", address });
  const client = secure && await httpClient(secure, context);
  const release = () => client?.close();
  try {
    const socket = construct({
      protocols,
      ...(headers && { headers }),
      ...(client && { client }),
    }, context);
    return { socket, release };
  } catch (error) {
    release();
    throw error;
  }
}

async function httpClient(
  tls: TlsClientOptions,
  context: FailureContext,
): Promise<Deno.HttpClient> {
  const { caCerts, cert, key } = tls;
  refuse("serverName", tls.serverName !== undefined, context);
  refuse("alpnProtocols", tls.alpnProtocols !== undefined, context);
  refuse("defaultCaCerts: false", tls.defaultCaCerts === false, context);
  const { checkClient } = await import("../tls/tls_context.ts");
  await checkClient(tls, context);
  return Deno.createHttpClient({
    ...(caCerts && { caCerts: [...caCerts] }),
    ...(cert !== undefined && key !== undefined && { cert, key }),
  });
}

function refuse(
  name: string,
  given: boolean,
  { verb, address }: FailureContext,
): void {
  if (!given) return;
  throw new TransportError(
    `Cannot ${verb} ${address} with 'tls.${name}': no WebSocket of Deno knows it; leave it out, or connect over 'tls://'`,
    { kind: "unsupported", address },
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
      { kind: "address-invalid", address, cause },
    );
  }
}
