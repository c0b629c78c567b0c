/**
 * What a platform throws → {@linkcode TransportError}. Errors are told apart by
 * `code` or `name`, never by class: so the same table serves `Deno.errors`,
 * `node:net` and `node:tls`, and nothing of a runtime is touched.
 *
 * @module
 */
import { TransportError, type TransportErrorKind } from "./errors.ts";

const KINDS: Readonly<Record<string, TransportErrorKind>> = {
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
  // A Unix listener with a full backlog answers EAGAIN instead of waiting.
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

const ADVICE: Readonly<Record<TransportErrorKind, string>> = {
  "address-in-use":
    "the address is in use; stop the other listener or choose another address",
  "address-invalid":
    "this machine has no such address; use one of its own, or port 0 for any free port",
  "closed": "this side has closed the socket",
  "limit":
    "the operating system is out of descriptors, buffers or backlog; raise the limit or try later",
  "not-found": "no such host name or path",
  "other": "the platform failed",
  "permission": "the operating system refuses permission",
  "protocol": "the peer speaks another protocol",
  "refused": "nobody listens there",
  "reset": "the peer has gone",
  "timeout": "it took too long",
  "tls": "TLS failed",
  "truncated": "the stream was cut before its end",
  "unreachable": "no route leads there",
  "unsupported": "this runtime does not support it",
};

/**
 * Finds the kind of what a platform threw.
 *
 * @param error what was thrown
 */
export function failureKind(error: unknown): TransportErrorKind {
  if (!(error instanceof Error)) return "other";
  if (error instanceof TransportError) return error.kind;
  const code = "code" in error && typeof error.code === "string"
    ? error.code
    : "";
  const kind = KINDS[code] ?? KINDS[error.name];
  if (kind !== undefined) return kind;
  // Deno gives a failed name lookup neither a class nor a code.
  return error.message.startsWith("failed to lookup address")
    ? "not-found"
    : "other";
}

/** What was under way when a platform threw. */
export interface FailureContext {
  /** Completes "Cannot …", as in `"connect to"`. */
  verb: string;
  /** The address, in its URL form. */
  address: string;
}

/**
 * Makes the error to throw for what a platform threw. What is a
 * {@linkcode TransportError} already comes back as it is; Deno's `NotCapable`
 * keeps its class and gains the flags that would grant the call.
 *
 * @param error what was thrown
 * @param context what was under way
 */
export function failure(error: unknown, context: FailureContext): Error {
  return error instanceof Error && error.name === "NotCapable"
    ? notCapable(error, context)
    : transportError(error, context);
}

/**
 * Like {@linkcode failure}, where no permission is asked for.
 *
 * @param error what was thrown
 * @param context what was under way
 */
export function transportError(
  error: unknown,
  { verb, address }: FailureContext,
): TransportError {
  if (error instanceof TransportError) return error;
  const kind = failureKind(error);
  const detail = error instanceof Error ? error.message : String(error);
  return new TransportError(
    `Cannot ${verb} ${address}: ${ADVICE[kind]} (${detail})`,
    { kind, address, cause: error },
  );
}

/** Same class, so that `instanceof Deno.errors.NotCapable` goes on working. */
function notCapable(error: Error, { verb, address }: FailureContext): Error {
  if (error.cause instanceof Error && error.cause.name === error.name) {
    return error; // says it already
  }
  const message =
    `Cannot ${verb} ${address}: ${error.message}; this address needs ${
      grants(address)
    }`;
  // A class of the runtime's own: its constructor is that of `Error`.
  const NotCapable = error.constructor as ErrorConstructor;
  return new NotCapable(message, { cause: error });
}

function grants(address: string): string {
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
