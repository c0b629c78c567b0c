/**
 * The transport layer: addresses become connected sockets, with a life cycle
 * that no peer can break. It knows nothing of frames and messages.
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
 * @module
 */
export {
  type Address,
  formatAddress,
  type MemoryAddress,
  parseAddress,
  type TcpAddress,
  type UnixAddress,
} from "./address.ts";
export {
  checkTransport,
  type ComplianceOptions,
  type ConnectionPair,
} from "../testing/check_transport.ts";
export type { Connection, Listener, SocketAddress } from "./connection.ts";
export {
  connect,
  type ConnectAddress,
  type ConnectOptions,
  type RetryPolicy,
} from "./connect.ts";
export {
  TransportError,
  type TransportErrorKind,
  type TransportErrorOptions,
} from "./errors.ts";
export { readExactly, type TransferOptions, writeAll } from "./io.ts";
export { listen, type ListenAddress, type ListenOptions } from "./listen.ts";
export {
  type AcceptSource,
  type ListenerOptions,
  SocketListener,
} from "./listener.ts";
export {
  type MemoryChunkSize,
  type MemoryFault,
  type MemoryLinkOptions,
  memoryPair,
  type MemoryPairOptions,
} from "./memory/memory_pair.ts";
export type { MemoryConnectOptions } from "./memory/memory_listener.ts";
export {
  SocketConnection,
  type SocketConnectionOptions,
} from "./socket_connection.ts";
export type {
  TcpConnectOptions,
  TcpListenOptions,
  TcpSocketOptions,
} from "./tcp.ts";
export type { UnixListenOptions } from "./unix.ts";
export {
  type ConnectionStreams,
  webStreams,
  type WebStreamsOptions,
} from "./web_streams.ts";
export {
  type CertificateName,
  type PeerCertificate,
  type SubjectAltName,
  type TlsClientOptions,
  TlsConnection,
  type TlsConnectionOptions,
} from "./tls/tls_connection.ts";
export {
  TlsListener,
  type TlsListenerControl,
  type TlsServerCertificate,
  type TlsServerOptions,
} from "./tls/tls_listener.ts";
export {
  connectWebSocket,
  upgradeWebSocket,
  type UpgradeWebSocketOptions,
  WebSocketConnection,
  type WebSocketConnectionOptions,
  type WebSocketConnectOptions,
  type WebSocketOptions,
  type WebSocketUpgrade,
} from "./websocket/websocket_connection.ts";
