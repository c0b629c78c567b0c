/**
 * The certificate of a peer.
 *
 * @module
 */

/**
 * One name of a certificate's subject (RFC 5280, 4.2.1.6).
 *
 * @category Sockets
 */
export interface SubjectAltName {
  /** Kind of name. */
  readonly type: "dns" | "email" | "ip" | "uri";
  /** The name; IPv4 in dotted form, IPv6 as eight groups in hex. */
  readonly value: string;
}

/**
 * The attributes of a name in a certificate, such as `{ CN: "alice", O: "Shop" }`.
 * The value of an attribute that occurs several times is an array.
 *
 * @category Sockets
 */
export type CertificateName = Readonly<
  Record<string, string | readonly string[]>
>;

/**
 * The verified certificate of a peer.
 *
 * @category TLS
 */
export interface PeerCertificate {
  /** Owner of the certificate. */
  readonly subject: CertificateName;
  /** Issuer of the certificate. */
  readonly issuer: CertificateName;
  /** Other names of the subject: DNS names, IP addresses, URIs, e-mail addresses. */
  readonly subjectAltNames: readonly SubjectAltName[];
  /** SHA-256 of the certificate in upper-case hex, `AA:BB:…`. */
  readonly fingerprint256: string;
  /** Serial number in upper-case hex. */
  readonly serialNumber: string;
  /** Start of the validity period. */
  readonly validFrom: Date;
  /** End of the validity period. */
  readonly validTo: Date;
  /** The certificate itself, in DER. */
  readonly raw: Uint8Array;
}
