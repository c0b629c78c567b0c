/**
 * Facts about a connection and its peer.
 *
 * @module
 */
import type { SocketAddress } from "./connection.ts";
import type { PeerCertificate } from "./peer_certificate.ts";

/** Addresses of a connection, and facts about its peer. */
export interface ConnectionInfo {
  /** Local address of the connection. */
  readonly localAddr: SocketAddress;
  /** Address of the peer. */
  readonly remoteAddr: SocketAddress;
  /**
   * Verified certificate of the peer; `undefined` if it presented none.
   *
   * A client receives the server's certificate over TLS; a server receives the
   * client's over mutual TLS.
   */
  readonly peerCertificate: PeerCertificate | undefined;
  /** HTTP request of a WebSocket that a server accepted; `undefined` otherwise. */
  readonly request: Pick<Request, "url" | "headers"> | undefined;
}
