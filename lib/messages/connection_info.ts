/**
 * What is known of a connection below a session.
 *
 * @module
 */
import type { Connection, SocketAddress } from "../transport/connection.ts";

/** Both ends of a connection, and who the peer has proved to be. */
export interface ConnectionInfo {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /** The certificate that the peer has proved to own (mutual TLS), as the transport gives it. */
  readonly peerCertificate: unknown;
}

/** Reads it off a connection. */
export function connectionInfo(connection: Connection): ConnectionInfo {
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    peerCertificate: "peerCertificate" in connection
      ? connection.peerCertificate
      : undefined,
  };
}
