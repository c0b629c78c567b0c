/**
 * Errors for calls that fail on this side of the connection.
 *
 * @module
 */
import { CallError, type CallErrorOptions } from "../../errors/call_error.ts";
import type { MismatchReason } from "../wire/method_compatibility.ts";
import type { OutgoingCall } from "./outgoing_call.ts";

/** Returns the error for a call that failed on this side. */
export function callError(
  call: OutgoingCall,
  message: string,
  options: CallErrorOptions,
): CallError {
  return new CallError(`${call.info.name}: ${message}`, {
    method: call.info.name,
    retry: options.code === "overloaded" ? "later" : "never",
    ...options,
  });
}

/**
 * Returns the error for a call that its session left unsettled. The call was
 * queued or in flight when the session ended or drained.
 */
export function errorForUnsettled(
  call: OutgoingCall,
  { code, message, cause, retry, retryAfter }: CallError,
  processed: "no" | "maybe",
): CallError {
  const again = code === "disconnected" ? "now" : retry; // on another connection
  return callError(call, message, {
    code,
    processed,
    retry: processed === "no" ? again : "never",
    retryAfter: processed === "no" ? retryAfter : 0,
    cause,
  });
}

/** Returns the error for a new call when the session permits none. */
export function errorForNew(closed: CallError, method: string): CallError {
  return new CallError(closed.message, {
    code: closed.code,
    method,
    processed: "no",
    retry: closed.retry,
    retryAfter: closed.retryAfter,
    cause: closed.cause,
  });
}

/** Returns the error for a call that would exceed a local limit. */
export function overloaded(method: string, why: string): CallError {
  return new CallError(`Cannot call ${method}: ${why}`, {
    code: "overloaded",
    method,
    processed: "no",
    retry: "later",
  });
}

/** The reason why the peer does not serve a method. */
export type UnservedReason = Exclude<MismatchReason, "schema">;

/** Returns the error for a call to an unserved method. */
export function unservedError(name: string, reason: UnservedReason): CallError {
  const why = reason === "missing"
    ? "does not serve it"
    : "serves it with another shape; use the same protocol on both sides";
  return new CallError(
    `Cannot call ${name}: the peer ${why}`,
    { code: "unimplemented", method: name, processed: "no" },
  );
}

/**
 * Returns the error for an action that needs a usable session.
 *
 * @param retryAfter milliseconds to wait, if the peer asks for a pause
 */
export function sessionUnavailable(
  why: string,
  action = "call",
  retryAfter = 0,
): CallError {
  return new CallError(`Cannot ${action}: ${why}`, {
    code: "unavailable",
    processed: "no",
    retry: retryAfter > 0 ? "later" : "now",
    retryAfter,
  });
}
