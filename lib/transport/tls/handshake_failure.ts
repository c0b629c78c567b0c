/**
 * What goes wrong in a TLS handshake → {@linkcode TransportError}.
 *
 * @module
 */
import { failureKind } from "../failure.ts";
import { TransportError, type TransportErrorKind } from "../errors.ts";

/** A peer that answers with something else than TLS records, as rustls and OpenSSL say it. */
const NOT_TLS = /InvalidContentType|wrong version number/;

/** Deno's `node:tls` says no more than that of a chain that it does not accept. */
const UNTRUSTED = /unable to verify|UnknownIssuer|self.signed/i;

/** What to do about it, by what the platform says. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [NOT_TLS, "the peer does not speak TLS on this address"],
  [
    /expired|NotValidYet|not yet valid/i,
    "the peer's certificate is outside its dates; renew it, or set the clock",
  ],
  [
    /NotValidForName|ALTNAME|not valid for name/i,
    "the peer's certificate is for another name; connect by a name it has, or set 'serverName'",
  ],
  [
    UNTRUSTED,
    "the peer's certificate has an unknown issuer or is outside its dates; add its authority to the trusted ones, or renew it",
  ],
  [
    /CertificateRequired|peer sent no certificates/,
    "the client has presented no certificate; it needs 'cert' and 'key'",
  ],
  [
    /NoApplicationProtocol|any known protocol/,
    "the two sides share no ALPN protocol",
  ],
  [
    /eof|end of file|close_notify|hang up|socket disconnected/i,
    "the peer hung up during the handshake; it may not speak TLS on this address, or refuse this side's terms",
  ],
];

/** Kinds that say more than `"tls"` does. */
const KEPT: ReadonlySet<TransportErrorKind> = new Set([
  "closed",
  "limit",
  "reset",
  "timeout",
]);

/**
 * Whether a handshake failed because the peer's certificate is from no
 * authority that was given.
 *
 * @param error what was thrown
 */
export function isUntrusted(error: unknown): boolean {
  return error instanceof Error && !(error instanceof TransportError) &&
    UNTRUSTED.test(error.message);
}

/** What was under way when the handshake failed. */
export interface HandshakeContext {
  /** `"connect to"` or `"accept"`. */
  verb: string;
  /** The peer, in URL form. */
  address: string;
}

/**
 * Makes the error to throw for a handshake that failed.
 *
 * @param error what was thrown
 * @param context what was under way
 */
export function handshakeFailure(
  error: unknown,
  { verb, address }: HandshakeContext,
): TransportError {
  if (error instanceof TransportError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  const advice = ADVICE.find(([pattern]) => pattern.test(detail))?.[1] ??
    "the TLS handshake failed";
  const kind = failureKind(error);
  return new TransportError(
    `Cannot ${verb} ${address}: ${advice} (${detail})`,
    {
      kind: NOT_TLS.test(detail) ? "protocol" : KEPT.has(kind) ? kind : "tls",
      address,
      cause: error,
    },
  );
}
