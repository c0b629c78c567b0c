/**
 * The implementation of {@linkcode TlsConnection} on a stream of `node:tls`.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";
import { subjectAltNames } from "./subject_alt_names.ts";
import type { ConnectionInfo } from "../connection_info.ts";
import {
  type LowerConnection,
  SocketConnectionImpl,
  type SocketConnectionOptions,
} from "../socket_connection_impl.ts";
import type { CertificateName, PeerCertificate } from "../peer_certificate.ts";
import type { TlsConnection } from "./tls_connection.ts";

/** Outcome of a handshake, for {@linkcode TlsConnectionImpl}. */
export interface TlsConnectionOptions extends SocketConnectionOptions {
  /** Negotiated ALPN protocol, if any. */
  alpnProtocol?: string | null | undefined;
  /** The peer's certificate, if known. */
  peerCertificate?: PeerCertificate | null | undefined;
}

/** An encrypted stream with the outcome of its handshake. */
export class TlsConnectionImpl extends SocketConnectionImpl
  implements TlsConnection {
  readonly alpnProtocol: string | null;
  readonly peerCertificate: PeerCertificate | null;

  /**
   * @param socket the encrypted stream; the new object owns it
   * @param options the outcome of the handshake
   */
  constructor(socket: LowerConnection, options: TlsConnectionOptions = {}) {
    super(socket, options);
    this.alpnProtocol = options.alpnProtocol ?? null;
    this.peerCertificate = options.peerCertificate ?? null;
  }

  override get info(): ConnectionInfo {
    const peerCertificate = this.peerCertificate ?? undefined;
    return { ...super.info, peerCertificate };
  }
}

/**
 * Returns the outcome of a `node:tls` handshake.
 *
 * @param socket a socket after its handshake
 */
export function negotiated(socket: TLSSocket): TlsConnectionOptions {
  const { alpnProtocol } = socket;
  return {
    alpnProtocol: alpnProtocol === false ? null : alpnProtocol,
    peerCertificate: peerCertificate(socket),
  };
}

function peerCertificate(socket: TLSSocket): PeerCertificate | null {
  const certificate = socket.getPeerCertificate();
  // Despite the declared type, Node.js returns an empty object if the peer
  // presented no certificate.
  if (certificate?.raw === undefined) return null;
  const { subject, issuer, fingerprint256, serialNumber, raw } = certificate;
  return {
    subject: certificateName(subject),
    issuer: certificateName(issuer),
    subjectAltNames: subjectAltNames(raw),
    fingerprint256,
    serialNumber,
    validFrom: new Date(certificate.valid_from),
    validTo: new Date(certificate.valid_to),
    raw: new Uint8Array(raw),
  };
}

function certificateName(name: object): CertificateName {
  return Object.fromEntries(Object.entries(name));
}
