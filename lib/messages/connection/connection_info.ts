/**
 * Combines what a connection and the application know about the peer.
 *
 * @module
 */
import type { Connection } from "../../transport/connection.ts";
import type { ConnectionInfo } from "../../transport/connection_info.ts";

/**
 * Returns what is known about a connection.
 *
 * @param connection the connection, which may have an `info` of its own
 * @param given what the application knows; it takes precedence
 */
export function connectionInfo(
  connection: Connection & { readonly info?: Partial<ConnectionInfo> },
  given: Partial<ConnectionInfo> = {},
): ConnectionInfo {
  const { info = {} } = connection;
  const { peerCertificate, request, proxy } = { ...info, ...given };
  return {
    localAddr: given.localAddr ?? connection.localAddr,
    remoteAddr: given.remoteAddr ?? connection.remoteAddr,
    peerCertificate,
    request,
    proxy,
  };
}
