/**
 * How WebSockets end, and why they fail → {@linkcode TransportError}.
 *
 * @module
 */
import { TransportError, type TransportErrorKind } from "../errors.ts";

/** A deliberate end (RFC 6455, 7.4.1) … */
export const CLOSE_NORMAL = 1000;
/** … and one without a code. */
export const CLOSE_NO_STATUS = 1005;
// What an application may close with begins at 4000 (RFC 6455, 7.4.2).
/** The peer speaks something else. */
export const CLOSE_PROTOCOL = 4002;
/** The peer sends faster than this side reads. */
export const CLOSE_LIMIT = 4009;

const CODES: Readonly<Record<number, TransportErrorKind>> = {
  [CLOSE_NORMAL]: "reset",
  [CLOSE_NO_STATUS]: "reset",
  1002: "protocol",
  1003: "protocol",
  1007: "protocol",
  1009: "limit",
  [CLOSE_PROTOCOL]: "protocol",
  [CLOSE_LIMIT]: "limit",
};

/**
 * What a closing handshake means for those who still want to send. 1001 is a
 * page or a server that goes away: the stream was cut, as with the rest.
 *
 * @param code of the closing handshake
 */
export function closeKind(code: number): TransportErrorKind {
  return CODES[code] ?? "truncated";
}

const DIAL: readonly (readonly [RegExp, TransportErrorKind])[] = [
  [/tcp connect error|refused/i, "refused"],
  [/dns error|lookup/i, "not-found"],
  [/certificate|InvalidContentType|tls/i, "tls"],
  [/status code|HTTP|header|upgrade|end of file|eof/i, "protocol"],
];

/**
 * Why an opening handshake failed, by what Deno says; browsers do not tell.
 *
 * @param detail what the runtime says
 */
export function dialKind(detail: string): TransportErrorKind {
  return DIAL.find(([pattern]) => pattern.test(detail))?.[1] ?? "other";
}

const ADVICE: Readonly<Partial<Record<TransportErrorKind, string>>> = {
  closed: "the connection is closed",
  limit:
    "one side sends faster than the other reads; read on, or raise 'receiveLimit'",
  "not-found": "no such host name",
  protocol: "the two sides do not speak the same protocol",
  refused: "nobody listens there",
  reset: "the peer has gone",
  tls: "TLS failed",
  truncated: "the peer has left in the middle of the stream",
};

/**
 * Makes the error of a WebSocket.
 *
 * @param kind what went wrong
 * @param options why, and the peer in URL form
 */
export function webSocketError(
  kind: TransportErrorKind,
  { why, address }: { why: string; address: string },
): TransportError {
  return new TransportError(
    `Cannot go on with ${address || "a WebSocket"}: ${
      ADVICE[kind] ?? "the WebSocket failed"
    } (${why})`,
    { kind, address },
  );
}
