/**
 * Converts the platform's errors to {@linkcode TransportError}.
 *
 * Errors are recognized by `code` or `name`, never by class, so that one table
 * covers `Deno.errors`, `node:net` and `node:tls` without access to the runtime.
 *
 * @module
 */
import { messageOf } from "../support/message_of.ts";
import { TransportError, type TransportErrorCode } from "./errors.ts";

const CODES: Readonly<Record<string, TransportErrorCode>> = {
  AddrInUse: "address-in-use",
  AddrNotAvailable: "address-invalid",
  BadResource: "closed",
  BrokenPipe: "reset",
  ConnectionAborted: "reset",
  ConnectionRefused: "refused",
  ConnectionReset: "reset",
  InvalidData: "tls",
  Interrupted: "closed",
  NetworkUnreachable: "unreachable",
  NotConnected: "reset",
  NotFound: "not-found",
  NotSupported: "unsupported",
  PermissionDenied: "permission",
  TimedOut: "timeout",
  UnexpectedEof: "truncated",
  // Connecting to a Unix listener with a full backlog fails instead of waiting.
  WouldBlock: "limit",
  EACCES: "permission",
  EADDRINUSE: "address-in-use",
  EADDRNOTAVAIL: "address-invalid",
  EAFNOSUPPORT: "unsupported",
  EAGAIN: "limit",
  ECONNABORTED: "reset",
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EHOSTUNREACH: "unreachable",
  EMFILE: "limit",
  ENETUNREACH: "unreachable",
  ENFILE: "limit",
  ENOBUFS: "limit",
  ENOENT: "not-found",
  ENOMEM: "limit",
  ENOTFOUND: "not-found",
  EPERM: "permission",
  EPIPE: "reset",
  ETIMEDOUT: "timeout",
};

const ADVICE: Readonly<Record<TransportErrorCode, string>> = {
  "address-in-use":
    "the address is in use; stop the other listener or choose another address",
  "address-invalid":
    "this machine does not have the address; use one of this machine's addresses, or port 0 for any free port",
  "closed": "the socket was closed locally",
  "forbidden": "the server does not permit this client",
  "limit":
    "the operating system is out of descriptors, buffers or backlog space; raise the limit or try again later",
  "not-found": "the host name or path does not exist",
  "other": "the platform reported an error",
  "permission": "the operating system denied permission",
  "protocol": "the peer speaks another protocol",
  "refused": "nothing is listening on the address",
  "reset": "the peer has disconnected",
  "timeout": "the operation timed out",
  "tls": "TLS failed",
  "truncated": "the stream was cut off before its end",
  "unauthenticated": "the server requires other credentials",
  "unavailable": "the server accepts no clients now; try again later",
  "unreachable": "there is no route to the host",
  "unsupported": "this runtime does not support it",
};

/**
 * Returns the error code for a platform's error.
 *
 * @param error the thrown value
 */
export function failureCode(error: unknown): TransportErrorCode {
  if (!(error instanceof Error)) return "other";
  if (error instanceof TransportError) return error.code;
  const given = "code" in error && typeof error.code === "string"
    ? error.code
    : "";
  const code = CODES[given] ?? CODES[error.name];
  if (code !== undefined) return code;
  // In Deno, the error for a failed name lookup has neither a class of its own
  // nor a code.
  return error.message.startsWith("failed to lookup address")
    ? "not-found"
    : "other";
}

/** The operation that failed. */
export interface FailureContext {
  /** Verb that completes "Cannot …", such as `"connect to"`. */
  verb: string;
  /** The address, in its URL form. */
  address: string;
}

/**
 * Converts a platform's error to the error to throw.
 *
 * A {@linkcode TransportError} is returned unchanged. Deno's `NotCapable` keeps
 * its class; the flags that would grant the permission are added to its message.
 *
 * @param error the thrown value
 * @param context the operation that failed
 */
export function failure(error: unknown, context: FailureContext): Error {
  return error instanceof Error && error.name === "NotCapable"
    ? notCapable(error, context)
    : transportError(error, context);
}

/**
 * Converts an error as {@linkcode failure} does, for operations that need no permission.
 *
 * @param error the thrown value
 * @param context the operation that failed
 */
export function transportError(
  error: unknown,
  { verb, address }: FailureContext,
): TransportError {
  if (error instanceof TransportError) return error;
  const code = failureCode(error);
  const detail = messageOf(error);
  return new TransportError(
    `Cannot ${verb} ${address}: ${ADVICE[code]} (${detail})`,
    { code, address, cause: error },
  );
}

/** Adds the required permission flags to the message, keeping the error's class. */
function notCapable(error: Error, { verb, address }: FailureContext): Error {
  if (error.cause instanceof Error && error.cause.name === error.name) {
    return error; // already converted
  }
  const message =
    `Cannot ${verb} ${address}: ${error.message}; this address needs ${
      permissionFlags(address)
    }`;
  // The constructors of Deno's error classes have the same signature as `Error`.
  const NotCapable = error.constructor as ErrorConstructor;
  return new NotCapable(message, { cause: error });
}

function permissionFlags(address: string): string {
  const unix = /^(?:tls\+)?unix:(.*)$/.exec(address)?.[1];
  if (unix === undefined) return `--allow-net=${hostAndPort(address)}`;
  if (unix.startsWith("@")) return "--allow-net";
  const path = decodeURIComponent(unix);
  return `--allow-net=unix:${path} --allow-read=${path} --allow-write=${path}`;
}

function hostAndPort(address: string): string {
  if (!/^wss?:/i.test(address)) return address.replace(/^\w+:\/\//, "");
  const { hostname, port, protocol } = new URL(address);
  return `${hostname}:${port || (protocol === "wss:" ? 443 : 80)}`;
}
