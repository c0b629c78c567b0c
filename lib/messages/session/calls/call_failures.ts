/**
 * The errors that callers get from this side of the connection.
 *
 * @module
 */
import { CallError, type CallErrorOptions } from "../../errors/call_error.ts";
import type { OutgoingCall } from "./outgoing_call.ts";

/** What a call failed with here. */
export function callError(
  call: OutgoingCall,
  code: CallError["code"],
  message: string,
  options: CallErrorOptions,
): CallError {
  return new CallError(code, `${call.info.name}: ${message}`, {
    method: call.info.name,
    ...options,
  });
}

/** What a call failed with that was in flight, or waited, when its session ended or drained. */
export function unsettled(
  call: OutgoingCall,
  { code, message, cause, retry }: CallError,
  processed: "no" | "maybe",
): CallError {
  const again = code === "disconnected" ? "now" : retry; // on another connection
  return callError(call, code, message, {
    processed,
    retry: processed === "no" ? again : "never",
    cause,
  });
}

/** What a call gets that comes when none may begin any more. */
export function errorForNew(closed: CallError, method: string): CallError {
  return new CallError(closed.code, closed.message, {
    method,
    processed: "no",
    retry: closed.retry,
    cause: closed.cause,
  });
}

/** What a call gets that would go over a limit of this side's. */
export function overloaded(method: string, why: string): CallError {
  return new CallError("overloaded", `Cannot call ${method}: ${why}`, {
    method,
    processed: "no",
    retry: "later",
  });
}
