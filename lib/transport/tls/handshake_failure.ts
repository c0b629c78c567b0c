/**
 * Converts the failures of TLS handshakes to {@linkcode TransportError}.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { failureCode } from "../error_mapping.ts";
import { TransportError, type TransportErrorCode } from "../errors.ts";

/** Messages from rustls and OpenSSL if the peer does not speak TLS. */
const NOT_TLS = /InvalidContentType|wrong version number|http request/;

/** The only messages that Deno's `node:tls` reports for an untrusted chain. */
const UNTRUSTED = /unable to verify|UnknownIssuer|self.signed/i;

/** Advice for the user, by the platform's message. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [NOT_TLS, "the peer does not speak TLS on this address"],
  [
    /expired|NotValidYet|not yet valid/i,
    "the peer's certificate is expired or not yet valid; renew it, or set the clock",
  ],
  [
    /no subjectAltName/,
    "the peer's certificate has a common name only, which is not checked; issue one with subject alternative names",
  ],
  [
    /NotValidForName|ALTNAME|not valid for name/i,
    "the peer's certificate is for another name; connect using one of its names, or set 'serverName'",
  ],
  [
    UNTRUSTED,
    "the peer's certificate has an unknown issuer, is expired or is not yet valid; trust its authority, or renew it",
  ],
  [
    /CertificateRequired|peer sent no certificates/,
    "the client presented no certificate; it needs 'cert' and 'key'",
  ],
  [
    /NoApplicationProtocol|any known protocol/,
    "the client and the server have no ALPN protocol in common",
  ],
  [
    /eof|end of file|close_notify|hang up|socket disconnected/i,
    "the peer closed the connection during the handshake; it may not speak TLS on this address, or it rejected the handshake",
  ],
];

/** Codes that are more specific than `"tls"`. */
const SPECIFIC: ReadonlySet<TransportErrorCode> = new Set([
  "closed",
  "limit",
  "reset",
  "timeout",
]);

/**
 * Returns whether a handshake failed because no given authority issued the
 * certificate.
 *
 * @param error the thrown value
 */
export function isUntrusted(error: unknown): boolean {
  return error instanceof Error && !(error instanceof TransportError) &&
    UNTRUSTED.test(error.message);
}

/** The operation whose handshake failed. */
export interface HandshakeContext {
  /** `"connect to"` or `"accept"`. */
  verb: string;
  /** The peer's address, in URL form. */
  address: string;
}

/**
 * Converts the error of a failed handshake to the error to throw.
 *
 * @param error the thrown value
 * @param context the operation that failed
 */
export function handshakeFailure(
  error: unknown,
  { verb, address }: HandshakeContext,
): TransportError {
  if (error instanceof TransportError) return error;
  const detail = messageOf(error);
  const advice = ADVICE.find(([pattern]) => pattern.test(detail))?.[1] ??
    "the TLS handshake failed";
  const code = failureCode(error);
  return new TransportError(
    `Cannot ${verb} ${address}: ${advice} (${detail})`,
    {
      code: NOT_TLS.test(detail)
        ? "protocol"
        : SPECIFIC.has(code)
        ? code
        : "tls",
      address,
      cause: error,
    },
  );
}
