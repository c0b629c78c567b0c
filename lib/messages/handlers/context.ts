/**
 * What a handler knows of the call that it handles.
 *
 * @module
 */
import type { CallOptions } from "../protocol/client_types.ts";
import type { Metadata } from "../session/wire/fields.ts";
import type { CallErrorCode, CallErrorOptions } from "../errors/call_error.ts";
import type { CallError } from "../errors/call_error.ts";
import type { SocketAddress } from "../../transport/connection.ts";
import type { PeerCertificate } from "../../transport/tls/tls_connection.ts";

/** Both ends of a connection, and who the peer has proved to be. */
export interface ConnectionInfo {
  /** This side's address. */
  readonly localAddr: SocketAddress;
  /** The peer's address. */
  readonly remoteAddr: SocketAddress;
  /**
   * The certificate that the peer has proved to own: a server's over TLS, a
   * client's over mutual TLS; `undefined` where there is none.
   */
  readonly peerCertificate: PeerCertificate | undefined;
}

/**
 * The part of a handler's context that every method has; the errors that the
 * method declares and its opening come from `MethodContext`.
 *
 * @typeParam Remote the methods of the other side
 * @typeParam Session the session that the call belongs to
 */
export interface CallContext<Remote, Session> {
  /** Dotted name of the method. */
  readonly method: string;
  /**
   * Fires when nobody waits for the result any more. Its reason is a
   * `CallError` whose `code` says why: `cancelled` by the caller, `deadline`
   * passed, `disconnected`, or `unavailable` when a drain's grace is over. For
   * a notification, for which nobody waits: when the connection is gone.
   */
  readonly signal: AbortSignal;
  /** Milliseconds left until the caller's deadline; `Infinity` without one. */
  readonly timeLeft: number;
  /** What the caller sent beside the call; a table without a prototype. */
  readonly metadata: Metadata;
  /**
   * Sets what travels beside the result; the last one holds.
   *
   * @throws {TypeError} for a key or value that cannot travel, and in the
   * handler of a notification
   */
  respondWith(metadata: Metadata): void;
  /**
   * The other side's methods. Calls made through it belong to this call: they
   * are cancelled with it and end before its deadline.
   */
  readonly remote: Remote;
  /** The session. */
  readonly session: Session;
  /**
   * Options for a call to somebody else on behalf of this one: this call's
   * signal, and what is left of its time.
   *
   * @param options further ones; a `timeout` can only shorten
   */
  inherit(options?: CallOptions): CallOptions;
  /**
   * Makes one of the framework's own errors, to be thrown: `throw
   * context.refuse("forbidden", "Only the owner may")`. Its text and data reach
   * the caller.
   */
  refuse(
    code: RefusalCode,
    message: string,
    options?: Pick<CallErrorOptions, "retry" | "retryAfter" | "data">,
  ): CallError;
}

/** Framework codes that a handler may end a call with. */
export type RefusalCode = Extract<
  CallErrorCode,
  "invalid" | "forbidden" | "unauthenticated" | "overloaded" | "unavailable"
>;

/** What both kinds of session tell of their connection. */
