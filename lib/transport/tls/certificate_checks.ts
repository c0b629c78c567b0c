/**
 * Certificates of servers and clients, checked before they are used.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import type { TlsOptions } from "node:tls";
import type { FailureContext } from "../error_mapping.ts";
import { nodeTls, requireTls } from "./node_tls.ts";
import { TransportError } from "../errors.ts";

/**
 * The certificate of a server, and the authorities of its clients.
 *
 * @category TLS
 */
export interface TlsServerCertificate {
  /** PEM certificate chain of the server, its own certificate first. */
  cert: string;
  /** PEM private key of `cert`. */
  key: string;
  /**
   * PEM certificates of the authorities that issue client certificates.
   *
   * With this option (mutual TLS), each client must present a certificate that
   * one of these authorities issued and that is within its validity period.
   */
  clientCaCerts?: readonly string[] | undefined;
}

/**
 * Returns the `node:tls` options for a server with a certificate.
 *
 * @param certificate the server's certificate
 * @param address the listener's address, in URL form
 * @throws {TransportError} with code `"tls"` if the certificate is unusable
 */
export async function serverOptions(
  certificate: TlsServerCertificate,
  address: string,
): Promise<TlsOptions> {
  const { cert, key, clientCaCerts } = certificate;
  await checkCertificates(
    { cert, key, authorities: clientCaCerts },
    { verb: "listen on", address },
  );
  if (clientCaCerts === undefined) return { cert, key };
  requireAuthority("clientCaCerts", clientCaCerts, {
    verb: "listen on",
    address,
  });
  const mutual = { requestCert: true, rejectUnauthorized: true };
  return { cert, key, ca: [...clientCaCerts], ...mutual };
}

/**
 * Rejects an empty list, whose meaning depends on the platform.
 *
 * @param name the option's name
 * @param authorities the option's value
 * @param context the operation that needs the authorities
 * @throws {TransportError} with code `"tls"` if the list is empty
 */
export function requireAuthority(
  name: string,
  authorities: readonly string[],
  { verb, address }: FailureContext,
): void {
  if (authorities.length > 0) return;
  throw new TransportError(
    `Cannot ${verb} ${address} as '${name}' is empty, so no peer could be trusted; pass at least one authority`,
    { code: "tls", address },
  );
}

/** The certificate of a client, and the authorities that it trusts. */
export interface ClientCertificates {
  /** PEM certificates of trusted authorities. */
  caCerts?: readonly string[] | undefined;
  /** PEM certificate chain of the client. */
  cert?: string | undefined;
  /** PEM private key of `cert`. */
  key?: string | undefined;
}

/**
 * Checks the certificates of a client.
 *
 * @param options the certificates
 * @param context the operation that needs them
 * @throws {TransportError} with code `"tls"` if one is unusable
 */
export async function checkClient(
  { caCerts, cert, key }: ClientCertificates,
  context: FailureContext,
): Promise<void> {
  const { verb, address } = context;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TransportError(
      `Cannot ${verb} ${address}: a client certificate needs both 'cert' and 'key', and one of them is missing`,
      { code: "tls", address },
    );
  }
  await checkCertificates({ cert, key, authorities: caCerts }, context);
}

/**
 * Checks certificates and keys.
 *
 * Deno ignores an invalid certificate, or reports it only during the handshake,
 * as if the peer were at fault.
 *
 * @param options certificates and key
 * @param context the operation that needs them
 * @throws {TransportError} with code `"tls"` if one is unusable
 */
async function checkCertificates(
  options: {
    cert: string | undefined;
    key: string | undefined;
    authorities: readonly string[] | undefined;
  },
  context: FailureContext,
): Promise<void> {
  requireTls(context);
  const { verb, address } = context;
  const { X509Certificate, createPrivateKey } = await nodeTls();
  function check<T>(name: string, parse: () => T): T {
    try {
      return parse();
    } catch (cause) {
      const detail = messageOf(cause);
      throw new TransportError(
        `Cannot ${verb} ${address} as ${name} is unusable: it must be valid PEM (${detail})`,
        { code: "tls", address, cause },
      );
    }
  }
  const { cert, key, authorities = [] } = options;
  for (const authority of authorities) {
    check("an authority's certificate", () => new X509Certificate(authority));
  }
  if (cert === undefined || key === undefined) return;
  const own = check("'cert'", () => new X509Certificate(cert));
  const privateKey = check("'key'", () => createPrivateKey(key));
  if (own.checkPrivateKey(privateKey)) return;
  throw new TransportError(
    `Cannot ${verb} ${address} as 'key' is not the key of 'cert'`,
    { code: "tls", address },
  );
}
