/**
 * What is known of a connection below a session.
 *
 * @module
 */
import type { Connection, SocketAddress } from "../../transport/connection.ts";
import type { PeerCertificate } from "../../transport/tls/tls_connection.ts";

/** Both ends of a connection, and who the peer has proved to be. */
export interface ConnectionInfo {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /**
   * The certificate that the peer has proved to own: a server's over TLS, a
   * client's over mutual TLS; `undefined` where there is none.
   */
  readonly peerCertificate: PeerCertificate | undefined;
}

/** Reads it off a connection. */
export function connectionInfo(connection: Connection): ConnectionInfo {
  const secured: Connection & { peerCertificate?: PeerCertificate | null } =
    connection;
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    peerCertificate: secured.peerCertificate ?? undefined,
  };
}
