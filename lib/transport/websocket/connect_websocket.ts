/**
 * WebSockets for clients.
 *
 * @module
 */
import { openWebSocket } from "./open_websocket.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import { TLS_CLIENT_OPTIONS } from "../tls/tls_connection.ts";
import type {
  WebSocketConnection,
  WebSocketConnectOptions,
} from "./websocket_connection.ts";
import { connectOpened } from "./opening_handshake.ts";

/**
 * Connects to a WebSocket server, in any runtime that has `WebSocket`.
 *
 * Requires `--allow-net=host:port` in Deno.
 *
 * @param url the server's URL, `ws://…` or `wss://…`
 * @param options limits, flow control and a signal
 * @throws {TransportError} with code `"protocol"` if the server does not speak
 * WebSocket, `"unsupported"` if a TLS option is not available for WebSockets,
 * `"unauthenticated"`, `"forbidden"` or `"unavailable"` if the server refuses the
 * upgrade with HTTP 401, 403, or 429, 502, 503 or 504, `"refused"`, `"tls"`,
 * `"timeout"`, and so on; if the runtime does not report the cause, as in
 * browsers, the code is `"unavailable"`
 * @throws {unknown} the signal's reason, if the signal is aborted
 *
 * @category WebSocket
 */
export async function connectWebSocket(
  url: string | URL,
  options: WebSocketConnectOptions = {},
): Promise<WebSocketConnection> {
  checkOptions("connectWebSocket()", options, CONNECT_OPTIONS);
  if (options.tls !== undefined) {
    const where = "the option tls of connectWebSocket()";
    checkOptions(where, options.tls, TLS_CLIENT_OPTIONS);
  }
  return await connectOpened(openWebSocket, url, options);
}

const CONNECT_OPTIONS: OptionNames<WebSocketConnectOptions> = {
  receiveLimit: true,
  signal: true,
  timeout: true,
  flowControl: "flag",
  headers: true,
  tls: true,
};
