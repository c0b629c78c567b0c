/**
 * Certificates of both sides, checked before they are used.
 *
 * @module
 */
import type { TlsOptions } from "node:tls";
import type { FailureContext } from "../failure.ts";
import { nodeModules } from "./node_modules.ts";
import { TransportError } from "../errors.ts";

/** What a server shows, and whom it believes. */
export interface TlsServerCertificate {
  /** PEM certificate chain of the server, its own certificate first. */
  cert: string;
  /** PEM private key of `cert`. */
  key: string;
  /**
   * PEM certificates of the authorities that issue client certificates (mutual
   * TLS): each client must then present one of theirs, within its dates.
   */
  clientCaCerts?: readonly string[];
}

/**
 * Prepares handshakes with one certificate.
 *
 * @param certificate what to show
 * @param address of the listener, in URL form
 * @throws {TransportError} of kind `"tls"`
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
 * Refuses an empty list: what a platform makes of one is not to be guessed.
 *
 * @param name of the option
 * @param authorities PEM
 * @param context what they are for
 * @throws {TransportError} of kind `"tls"`
 */
export function requireAuthority(
  name: string,
  authorities: readonly string[],
  { verb, address }: FailureContext,
): void {
  if (authorities.length > 0) return;
  throw new TransportError(
    `Cannot ${verb} ${address} as '${name}' is empty, and nobody could be trusted; give at least one authority`,
    { kind: "tls", address },
  );
}

/** What a client presents, and whom it trusts. */
export interface ClientCertificates {
  /** PEM certificates of authorities. */
  caCerts?: readonly string[];
  /** PEM certificate chain of the client. */
  cert?: string;
  /** PEM private key of `cert`. */
  key?: string;
}

/**
 * Checks what a client presents, and whom it trusts.
 *
 * @param options PEM
 * @param context what they are for
 * @throws {TransportError} of kind `"tls"`
 */
export async function checkClient(
  { caCerts, cert, key }: ClientCertificates,
  context: FailureContext,
): Promise<void> {
  const { verb, address } = context;
  if ((cert === undefined) !== (key === undefined)) {
    throw new TransportError(
      `Cannot ${verb} ${address}: a client certificate is both 'cert' and 'key', and one of them is missing`,
      { kind: "tls", address },
    );
  }
  await checkCertificates({ cert, key, authorities: caCerts }, context);
}

/**
 * Checks certificates and keys. Deno finds a bad one only at the handshake,
 * where the peer would get the blame, or leaves it out.
 *
 * @param options PEM
 * @param context what they are for
 * @throws {TransportError} of kind `"tls"`
 */
async function checkCertificates(
  options: {
    cert: string | undefined;
    key: string | undefined;
    authorities: readonly string[] | undefined;
  },
  { verb, address }: FailureContext,
): Promise<void> {
  const { X509Certificate, createPrivateKey } = await nodeModules();
  function check<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new TransportError(
        `Cannot ${verb} ${address} as ${what} is unusable: it must be PEM (${detail})`,
        { kind: "tls", address, cause },
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
    { kind: "tls", address },
  );
}
