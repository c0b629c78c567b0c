/**
 * Causes of the code `overloaded`, for the figures of a server.
 *
 * @module
 */
import { CallError } from "./call_error.ts";

/**
 * Limit or option that a call has met, or `"handler"`.
 *
 * @category Figures
 */
export type OverloadCause =
  /** The client has too many calls in progress (`limits.maxCalls`). */
  | "maxCalls"
  /** The server's memory is short (option `memory`). */
  | "memory"
  /** The call waited too long for its handler (`limits.queueTimeout`). */
  | "queueTimeout"
  /** Too many requests of the session wait for their handlers. */
  | "maxWaiting"
  /** Unfinished messages exceed `limits.maxAssembly`. */
  | "maxAssembly"
  /** Items of the caller were not read in time (`limits.unreadTimeout`). */
  | "unreadTimeout"
  /** The middleware `limit()` refused the call. */
  | "limit"
  /** The store of outcomes is full (option `once`). */
  | "once"
  /** A handler or other middleware has thrown the error. */
  | "handler";

/**
 * Causes by error. They stay at this side: a caller learns what to do from
 * `retryAfter` and the message.
 */
const CAUSES: WeakMap<CallError, OverloadCause> = /* @__PURE__ */ new WeakMap();

/** Records the cause of an error, and returns the error. */
export function causedBy(error: CallError, cause: OverloadCause): CallError {
  CAUSES.set(error, cause);
  return error;
}

/**
 * Creates the error `overloaded` for a call that was not processed.
 *
 * @param message what is full
 */
export function overloaded(message: string, cause: OverloadCause): CallError {
  const error = new CallError(message, {
    code: "overloaded",
    processed: "no",
    retry: "later",
  });
  return causedBy(error, cause);
}

/**
 * Returns the cause of an error with the code `overloaded`.
 *
 * Callers receive a copy of what middleware throws, with the original as `cause`.
 */
export function overloadCauseOf(error: CallError): OverloadCause {
  const { cause } = error;
  const original = cause instanceof CallError ? CAUSES.get(cause) : undefined;
  return CAUSES.get(error) ?? original ?? "handler";
}
