/**
 * Reads a connection's addresses and the peer's certificate.
 *
 * @module
 */
import type { ConnectionInfo } from "../handlers/context.ts";
import type { Connection } from "../../transport/connection.ts";
import type { PeerCertificate } from "../../transport/tls/tls_connection.ts";

/** Returns a connection's addresses and the peer's certificate. */
export function connectionInfo(connection: Connection): ConnectionInfo {
  const secured: Connection & { peerCertificate?: PeerCertificate | null } =
    connection;
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    peerCertificate: secured.peerCertificate ?? undefined,
  };
}
