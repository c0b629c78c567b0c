/**
 * WebSockets for clients, browsers included.
 *
 * @module
 */
import {
  checkTimeout,
  type TimeoutBounds,
  withTimeout,
} from "../with_timeout.ts";
import { openWebSocket } from "./open_websocket.ts";
import type { SocketAddress } from "../connection.ts";
import { explainRefusal } from "./explain_refusal.ts";
import { destroy } from "../destroy.ts";
import { TransportError, withOwnStack } from "../errors.ts";
import { checkOptions, type OptionNames } from "../../support/check_options.ts";
import {
  TLS_CLIENT_OPTIONS,
  type TlsClientOptions,
} from "../tls/tls_connection.ts";
import type {
  WebSocketConnection,
  WebSocketOptions,
} from "./websocket_connection.ts";
import {
  checkReceiveLimit,
  webSocketConnection,
} from "./websocket_connection_impl.ts";
import { FLOW_CONTROL } from "./flow_control.ts";

/**
 * Options for {@linkcode connectWebSocket}.
 *
 * @category WebSocket
 */
export interface WebSocketConnectOptions extends WebSocketOptions {
  /** Cancels connecting when aborted; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
  /**
   * Milliseconds that the opening handshake may take; `0` means no limit.
   *
   * @default {10000}
   */
  timeout?: number | undefined;
  /**
   * Whether to offer the subprotocol for flow control. Set it to `false` for a
   * server that does not support it: browsers fail the connection if the server
   * ignores the offered subprotocols.
   *
   * @default {true}
   */
  flowControl?: boolean | undefined;
  /** Headers of the opening handshake; not available in browsers. */
  headers?: Record<string, string> | undefined;
  /**
   * TLS options for `wss:`, in Deno only. `caCerts`, `cert` and `key` are
   * supported; the other options are rejected, since Deno's WebSockets do not
   * support them.
   */
  tls?: TlsClientOptions | undefined;
}

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
  const { signal, timeout = 10_000 } = options;
  const { receiveLimit } = options;
  checkReceiveLimit(receiveLimit);
  const limit = timeout === 0 ? Infinity : checkTimeout(timeout, "timeout");
  signal?.throwIfAborted();
  const address = String(url);
  const { flowControl = true, headers, tls } = options;
  if (tls !== undefined) {
    const where = "the option tls of connectWebSocket()";
    checkOptions(where, tls, TLS_CLIENT_OPTIONS);
  }
  const { connection, client } = await openWebSocket(address, {
    protocols: flowControl ? [FLOW_CONTROL] : [],
    headers,
    tls,
    adapt: (socket) =>
      webSocketConnection(socket, {
        remoteAddr: addressOf(socket.url),
        receiveLimit,
        flowControl: flowControl ? undefined : false,
      }),
  });
  void connection.finished.then(() => client?.close());
  const stop = new AbortController();
  const opening = connection.opened.catch(async (error) => {
    const options = { headers, client, signal: stop.signal };
    throw error instanceof TransportError
      ? await explainRefusal(error, options)
      : error;
  });
  const bounds: TimeoutBounds = {
    signal,
    timeout: limit,
    cancel: () => {
      destroy(connection);
      stop.abort();
    },
    timeoutError: () =>
      new TransportError(
        `Cannot connect to ${address}: the WebSocket did not open within ${timeout} ms`,
        { code: "timeout", address },
      ),
  };
  try {
    await withTimeout(opening, bounds);
  } catch (error) {
    throw withOwnStack(error);
  }
  return connection;
}

const CONNECT_OPTIONS: OptionNames<WebSocketConnectOptions> = {
  receiveLimit: true,
  signal: true,
  timeout: true,
  flowControl: "flag",
  headers: true,
  tls: true,
};

function addressOf(url: string): SocketAddress {
  const { hostname, port, protocol } = new URL(url);
  return {
    transport: "websocket",
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (protocol === "wss:" ? 443 : 80),
  };
}
