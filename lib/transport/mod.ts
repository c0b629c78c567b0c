/**
 * The transport layer: sockets over TCP, TLS, Unix, WebSocket and memory.
 *
 * {@linkcode connect} opens a connection to an address, and {@linkcode listen}
 * accepts connections on one. {@linkcode readExactly} and {@linkcode writeAll}
 * transfer whole buffers, socket failures are {@linkcode TransportError}s with a
 * `code`, and {@linkcode webStreams} adapts a connection to web streams. The
 * layer carries bytes. Frames and messages belong to the layers above, but you
 * can use this layer without them.
 *
 * @example A server and a client
 * ```ts
 * import { connect, listen, readExactly, writeAll } from "@lengthwise/lengthwise/transport";
 * import { assertEquals } from "@std/assert";
 *
 * await using listener = await listen({ port: 0 });
 * const serving = (async () => {
 *   using connection = await listener.accept();
 *   await writeAll(connection, new TextEncoder().encode("hello"));
 * })();
 *
 * using client = await connect(listener.addr);
 * const buffer = new Uint8Array(5);
 * await readExactly(client, buffer);
 * assertEquals(new TextDecoder().decode(buffer), "hello");
 * await serving;
 * ```
 *
 * The [layer's README](/lib/transport/README.md) explains the contract of a
 * connection, the forms of addresses, how connections end, and the error codes.
 * For tests, `@lengthwise/lengthwise/testing` has a connected pair in memory and
 * a compliance suite for your own transport.
 *
 * @module
 */
export { listen, type ListenAddress, type ListenOptions } from "./listen.ts";
export {
  connect,
  type ConnectAddress,
  type ConnectOptions,
  type RetryPolicy,
} from "./connect.ts";
export type { SocketConnection } from "./socket_connection.ts";
export type { SocketListener } from "./socket_listener.ts";
export { readExactly, writeAll } from "./io.ts";
export { TransportError, type TransportErrorCode } from "./errors.ts";
export type { Connection, Listener, SocketAddress } from "./connection.ts";
export {
  type Address,
  formatAddress,
  type MemoryAddress,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
export type { PeerCertificate } from "./peer_certificate.ts";
export type { TlsClientOptions, TlsConnection } from "./tls/tls_connection.ts";
export type {
  TlsListener,
  TlsServerCertificate,
  TlsServerOptions,
} from "./tls/tls_listener.ts";
export { startTls } from "./tls/start_tls.ts";
export { connectWebSocket } from "./websocket/connect_websocket.ts";
export {
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  type WebSocketUpgrade,
} from "./websocket/upgrade_websocket.ts";
export type {
  WebSocketConnection,
  WebSocketConnectionOptions,
  WebSocketConnectOptions,
} from "./websocket/websocket_connection.ts";
export { webSocketConnection } from "./websocket/websocket_connection_impl.ts";
export { messagePortConnection } from "./message_port/message_port_connection.ts";
export { streamConnection } from "./stream_connection.ts";
export { webStreams } from "./web_streams.ts";
