/**
 * Reads the addresses and the peer's certificate of a session's connection.
 *
 * @module
 */
import type { ConnectionInfo } from "../handlers/context.ts";
import type { Connection } from "../../transport/connection.ts";
import type { PeerCertificate } from "../../transport/tls/tls_connection.ts";

/** Returns the addresses and the peer's certificate of a connection. */
export function connectionInfo(connection: Connection): ConnectionInfo {
  const secured: Connection & { peerCertificate?: PeerCertificate | null } =
    connection;
  return {
    localAddr: connection.localAddr,
    remoteAddr: connection.remoteAddr,
    peerCertificate: secured.peerCertificate ?? undefined,
  };
}
