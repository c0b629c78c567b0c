/**
 * Creates the platform's WebSocket, with what every runtime supports.
 *
 * @module
 */
import { TransportError } from "../errors.ts";
import { connectFailure } from "./connect_failure.ts";
import type { WebSocketConnection } from "./websocket_connection.ts";

/** Options for {@linkcode openPlainWebSocket}. */
export interface PlainWebSocketOptions {
  /** Subprotocols to offer. */
  protocols: string[];
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
 * @param options subprotocols
 * @throws {TransportError} with code `"address-invalid"`
 */
export function openPlainWebSocket(
  address: string,
  { protocols, adapt }: PlainWebSocketOptions,
): OpenedWebSocket {
  const connection = adapt(constructWebSocket(address, protocols));
  return { connection, client: undefined };
}

/** Options of a WebSocket; only Deno has some beside `protocols`. */
export interface WebSocketInit {
  /** Subprotocols, in order of preference. */
  readonly protocols: string[];
  /** Headers of the request. */
  readonly headers?: HeadersInit;
  /** Client with the TLS options. */
  readonly client?: Deno.HttpClient;
}

/**
 * Creates a WebSocket.
 *
 * @param address the server's URL
 * @param options subprotocols, or all options
 * @throws {TransportError} with code `"address-invalid"`
 */
export function constructWebSocket(
  address: string,
  options: string[] | WebSocketInit,
): WebSocket {
  try {
    return new WebSocket(address, options as string[]); // as browsers declare it
  } catch (cause) {
    if (!(cause instanceof DOMException)) {
      throw connectFailure(cause, address);
    }
    throw new TransportError(
      `Cannot connect to ${address}: it must be a 'ws://' or 'wss://' URL without a fragment (${cause.message})`,
      { code: "address-invalid", address, cause },
    );
  }
}
