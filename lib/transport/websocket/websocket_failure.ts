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
/** Code that reports a connection without a closing handshake (RFC 6455, 7.4.1). */
export const CLOSE_BROKEN = 1006;
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
  [/dns error|lookup|ENOTFOUND/i, "not-found"],
  [/unreachable/i, "unreachable"],
  [/timed out|ETIMEDOUT/i, "timeout"],
  [/reset by peer|broken pipe|ECONNRESET|EPIPE/i, "reset"],
  [/sent protocols/i, "protocol"],
  [/certificate|InvalidContentType|tls/i, "tls"],
  [
    /status code|HTTP|header|upgrade|end of file|eof|invalid response/i,
    "protocol",
  ],
];

/** Codes by the HTTP status with which a server refuses the upgrade. */
const STATUS_CODES: Readonly<Record<number, TransportErrorCode>> = {
  401: "unauthenticated",
  403: "forbidden",
  429: "unavailable",
  502: "unavailable",
  503: "unavailable",
  504: "unavailable",
};

/** Texts with which runtimes report the status; Node.js and browsers omit it. */
const STATUS = /(?:status code|server response): (\d{3})/i;

/**
 * Returns the error code for an HTTP status that refuses the upgrade.
 *
 * @param status the status
 */
export function statusCode(status: number): TransportErrorCode {
  return STATUS_CODES[status] ?? "protocol";
}

/**
 * Returns the status that a runtime reports for a failed opening handshake.
 *
 * @param detail the runtime's error message
 */
export function reportedStatus(detail: string): number | undefined {
  const status = STATUS.exec(detail)?.[1];
  return status === undefined ? undefined : Number(status);
}

/** Text of Node.js, which does not report the cause. */
const UNEXPLAINED = /network error or non-101 status code/;

/**
 * Returns the error code for a failed opening handshake.
 *
 * The code is derived from the runtime's error message. If the runtime does not
 * report the cause, as in browsers, the server counts as unavailable, so that
 * the attempt is repeated in every runtime.
 *
 * @param detail the runtime's error message, possibly `""`
 */
export function connectFailureCode(detail: string): TransportErrorCode {
  const status = reportedStatus(detail);
  if (status !== undefined) return statusCode(status);
  if (detail === "" || UNEXPLAINED.test(detail)) return "unavailable";
  return CONNECT_CODES.find(([pattern]) => pattern.test(detail))?.[1] ??
    "other";
}

/** Advice if a server ignores the offered subprotocol. */
const NOT_SELECTED =
  "the server did not select the subprotocol; connect with 'flowControl: false', or let the server select \"lengthwise.bytes.v1\"";

const ADVICE: Readonly<Partial<Record<TransportErrorCode, string>>> = {
  closed: "the connection is closed",
  forbidden: "the server does not permit this client",
  limit:
    "the sender is faster than the receiver reads; read more often, or raise 'receiveLimit'",
  "not-found": "the host name does not exist",
  protocol: "the peer speaks another protocol",
  refused: "nothing is listening on the address",
  reset: "the peer has disconnected",
  tls: "TLS failed",
  truncated: "the peer closed in the middle of the stream",
  unauthenticated: "the server requires other credentials",
  unavailable:
    "the server accepts no clients now, or does not exist; try again later",
};

/** Details of a failed WebSocket. */
export interface WebSocketFailure {
  /** The runtime's or the peer's description. */
  reason: string;
  /** The peer's address in URL form; `""` if unknown. */
  address: string;
  /** Milliseconds to wait before another attempt. @default {0} */
  retryAfter?: number;
  /** HTTP status with which the server refused the upgrade. */
  status?: number | undefined;
}

/**
 * Returns the error for a failed WebSocket.
 *
 * @param code the error code
 * @param options details for the message, and the peer's address in URL form
 */
export function webSocketError(
  code: TransportErrorCode,
  { reason, address, ...details }: WebSocketFailure,
): TransportError {
  return new TransportError(
    `Cannot use ${address || "a WebSocket"}: ${
      advice(code, reason)
    } (${reason})`,
    { code, address, ...details },
  );
}

function advice(code: TransportErrorCode, reason: string): string {
  if (code === "protocol" && /sent protocols/i.test(reason)) {
    return NOT_SELECTED;
  }
  return ADVICE[code] ?? "the WebSocket failed";
}
