/**
 * The certificate that a TLS server shows, checked before it is used.
 *
 * @module
 */
import type { TLSSocketOptions } from "node:tls";
import { TransportError } from "./errors.ts";

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

/** Options of handshakes with one certificate. */
export type ServerContext = Pick<
  TLSSocketOptions,
  "secureContext" | "requestCert" | "rejectUnauthorized"
>;

/**
 * Checks and prepares. Deno finds a bad certificate or key only at the
 * handshake, where the client would get the blame.
 *
 * @param certificate what to show
 * @param address of the listener, in URL form
 * @throws {TransportError} of kind `"tls"`
 */
export async function serverContext(
  certificate: TlsServerCertificate,
  address: string,
): Promise<ServerContext> {
  const [{ createSecureContext }, crypto] = await Promise.all([
    import("node:tls"),
    import("node:crypto"),
  ]);
  const { cert, key, clientCaCerts } = certificate;
  const own = check("cert", address, () => new crypto.X509Certificate(cert));
  const privateKey = check("key", address, () => crypto.createPrivateKey(key));
  if (!own.checkPrivateKey(privateKey)) {
    throw unusable("key", address, new Error("it is not the key of 'cert'"));
  }
  for (const ca of clientCaCerts ?? []) {
    check("clientCaCerts", address, () => new crypto.X509Certificate(ca));
  }
  const mutual = clientCaCerts !== undefined;
  const ca = mutual ? { ca: [...clientCaCerts] } : {};
  return {
    secureContext: createSecureContext({ cert, key, ...ca }),
    requestCert: mutual,
    rejectUnauthorized: mutual,
  };
}

function check<T>(option: string, address: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    throw unusable(option, address, cause);
  }
}

function unusable(
  option: string,
  address: string,
  cause: unknown,
): TransportError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new TransportError(
    `Cannot listen on ${address} as '${option}' is unusable: ${detail}; it must be PEM`,
    { kind: "tls", address, cause },
  );
}
