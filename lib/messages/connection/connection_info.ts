/**
 * What is known of a connection below a session.
 *
 * @module
 */
import type { ConnectionInfo } from "../handlers/context.ts";
import type { Connection } from "../../transport/connection.ts";
import type { PeerCertificate } from "../../transport/tls/tls_connection.ts";

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
