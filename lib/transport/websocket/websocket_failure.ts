/**
 * Close codes of WebSockets, and their conversion to {@linkcode TransportError}.
 *
 * @module
 */
import { TransportError, type TransportErrorCode } from "../errors.ts";

/** Code of a normal close (RFC 6455, 7.4.1). */
export const CLOSE_NORMAL = 1000;
/** Code that reports a close without a code (RFC 6455, 7.4.1). */
export const CLOSE_NO_STATUS = 1005;
// Codes from 4000 on are for applications (RFC 6455, 7.4.2).
/** Code sent if the peer violates the protocol of {@linkcode WebSocketStream}. */
export const CLOSE_PROTOCOL = 4002;
/** Code sent if the peer has exceeded the receive limit. */
export const CLOSE_LIMIT = 4009;

const CLOSE_CODES: Readonly<Record<number, TransportErrorCode>> = {
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
 * Returns the error code after a closing handshake.
 *
 * After a normal close, only writes fail with the returned code, since reads
 * return the end of the stream. Close code 1001, sent by a page or server that
 * goes away, means a truncated stream, as does any other code that is not in
 * `CLOSE_CODES`.
 *
 * @param closeCode the code of the closing handshake
 */
export function codeAfterClose(closeCode: number): TransportErrorCode {
  return CLOSE_CODES[closeCode] ?? "truncated";
}

const CONNECT_CODES: readonly (readonly [RegExp, TransportErrorCode])[] = [
  [/tcp connect error|refused/i, "refused"],
  [/dns error|lookup/i, "not-found"],
  [/certificate|InvalidContentType|tls/i, "tls"],
  [/status code|HTTP|header|upgrade|end of file|eof/i, "protocol"],
];

/**
 * Returns the error code for a failed opening handshake.
 *
 * The code is derived from Deno's error message. Browsers do not report the
 * cause.
 *
 * @param detail the runtime's error message
 */
export function connectFailureCode(detail: string): TransportErrorCode {
  return CONNECT_CODES.find(([pattern]) => pattern.test(detail))?.[1] ??
    "other";
}

const ADVICE: Readonly<Partial<Record<TransportErrorCode, string>>> = {
  closed: "the connection is closed",
  limit:
    "the sender is faster than the receiver reads; read more often, or raise 'receiveLimit'",
  "not-found": "the host name does not exist",
  protocol: "the peer speaks another protocol",
  refused: "nothing is listening on the address",
  reset: "the peer has disconnected",
  tls: "TLS failed",
  truncated: "the peer closed in the middle of the stream",
};

/**
 * Returns the error for a failed WebSocket.
 *
 * @param code the error code
 * @param options details for the message, and the peer's address in URL form
 */
export function webSocketError(
  code: TransportErrorCode,
  { reason, address }: { reason: string; address: string },
): TransportError {
  return new TransportError(
    `Cannot use ${address || "a WebSocket"}: ${
      ADVICE[code] ?? "the WebSocket failed"
    } (${reason})`,
    { code, address },
  );
}
