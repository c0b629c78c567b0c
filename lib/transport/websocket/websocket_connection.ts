/**
 * The WebSocket connection and its options.
 *
 * @module
 */
import type { SocketAddress } from "../connection.ts";
import type { TlsClientOptions } from "../tls/tls_connection.ts";
import type { SocketConnection } from "../socket_connection.ts";

/**
 * Options for every WebSocket connection.
 *
 * @category Sockets
 */
export interface WebSocketOptions {
  /**
   * Maximum number of unread bytes, at least 256 KiB. Exceeding the
   * limit ends the connection with an error whose code is `"limit"`; with flow
   * control, a conforming peer never exceeds it.
   *
   * @default {262144 with flow control, 16777216 without}
   */
  receiveLimit?: number | undefined;
}

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
 * Options for {@linkcode webSocketConnection}.
 *
 * @category WebSocket
 */
export interface WebSocketConnectionOptions extends WebSocketOptions {
  /** The peer's address, if known; its `transport` becomes `"websocket"`. */
  remoteAddr?: SocketAddress | undefined;
  /**
   * The HTTP request of the upgrade, if known; `connection.info` has a copy of
   * its URL and headers. In Deno, a request is not readable after its upgrade:
   * pass `{ url: request.url, headers: new Headers(request.headers) }`, copied
   * before.
   */
  request?: Pick<Request, "url" | "headers"> | undefined;
  /**
   * Whether each receiver limits how much its sender may send.
   *
   * By default, it does if `socket.protocol` is `"lengthwise.bytes.v1"` after
   * opening, or if the peer announces it. With `false`, such a peer is an error.
   *
   * @default {detected}
   */
  flowControl?: boolean | undefined;
  /** Called once, when the connection was closed locally and is released. */
  onClose?: (() => void) | undefined;
}

/**
 * A WebSocket that carries a byte stream in binary messages.
 *
 * `closeWrite` sends an empty message, and `close` starts a closing handshake with
 * code 1000; after either, the peer reads the end of the stream. Failures are
 * `TransportError`s with code `"reset"` if the WebSocket breaks, `"truncated"` if
 * the peer closes it early, for example with code 1001 (going away), `"protocol"` if
 * the peer sends an unexpected message, and `"limit"` if a receive limit is
 * exceeded.
 *
 * @example Adapt a platform WebSocket
 * ```ts
 * import { webSocketConnection, writeAll } from "@lengthwise/lengthwise/transport";
 *
 * async function greet(url: string): Promise<void> {
 *   using connection = webSocketConnection(new WebSocket(url));
 *   await writeAll(connection, new TextEncoder().encode("hello"));
 * }
 * ```
 *
 * @category WebSocket
 */
export interface WebSocketConnection extends SocketConnection {
  /** Resolves after the opening handshake, or rejects with its error. */
  readonly opened: Promise<void>;
  /**
   * Resolves when the closing handshake is complete or the socket has failed.
   * `close()` does not wait for it.
   */
  readonly finished: Promise<void>;
}
