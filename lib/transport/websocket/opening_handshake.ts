/**
 * The opening handshake of a WebSocket for clients, within a time limit.
 *
 * @module
 */
import {
  checkTimeout,
  type TimeoutBounds,
  withTimeout,
} from "../with_timeout.ts";
import type { OpenWebSocketOptions } from "./open_websocket.ts";
import type { OpenedWebSocket } from "./plain_websocket.ts";
import type { SocketAddress } from "../connection.ts";
import { explainRefusal } from "./explain_refusal.ts";
import { destroy } from "../destroy.ts";
import { TransportError, withOwnStack } from "../errors.ts";
import type {
  WebSocketConnection,
  WebSocketConnectOptions,
} from "./websocket_connection.ts";
import {
  adaptWebSocket,
  checkReceiveLimit,
} from "./websocket_connection_impl.ts";
import { FLOW_CONTROL } from "./flow_control.ts";

/** Starts the opening handshake of a WebSocket. */
export type OpenWebSocket = (
  address: string,
  options: OpenWebSocketOptions,
) => OpenedWebSocket | Promise<OpenedWebSocket>;

/**
 * Connects to a WebSocket server.
 *
 * @param open starts the opening handshake
 * @param url the server's URL
 * @param options limits, flow control and a signal
 * @throws {TransportError} if no connection can be established
 * @throws the signal's reason, if the signal is aborted
 */
export async function connectOpened(
  open: OpenWebSocket,
  url: string | URL,
  options: WebSocketConnectOptions,
): Promise<WebSocketConnection> {
  const { signal, timeout = 10_000 } = options;
  const { receiveLimit } = options;
  checkReceiveLimit(receiveLimit);
  const limit = timeout === 0 ? Infinity : checkTimeout(timeout, "timeout");
  signal?.throwIfAborted();
  const address = String(url);
  const { flowControl = true, headers, tls } = options;
  const { connection, client } = await open(address, {
    protocols: flowControl ? [FLOW_CONTROL] : [],
    headers,
    tls,
    adapt: (socket) =>
      adaptWebSocket(socket, {
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

function addressOf(url: string): SocketAddress {
  const { hostname, port, protocol } = new URL(url);
  return {
    transport: "websocket",
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (protocol === "wss:" ? 443 : 80),
  };
}
