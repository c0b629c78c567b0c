/**
 * Errors of other calls that a gateway passes on.
 *
 * The error of another call is otherwise `internal` for the caller, as it would
 * disclose that call. For a gateway, both are the same call.
 *
 * @module
 */
import type { CallError } from "./call_error.ts";

const passedOn = /* @__PURE__ */ new WeakSet<CallError>();

/** Marks an error, which the caller then receives as it is. */
export function passOn(error: CallError): CallError {
  passedOn.add(error);
  return error;
}

/** Returns whether the caller receives the error as it is. */
export function isPassedOn(error: CallError): boolean {
  return passedOn.has(error);
}
