/**
 * Errors in a form that workers can send: copies of errors lose their codes.
 *
 * @module
 */
import { CodecError } from "../../messages/codec/errors.ts";
import {
  SessionError,
  type SessionErrorCode,
} from "../../messages/errors/call_error.ts";
import { CliError, type CliErrorCode } from "../errors.ts";

/** An error in a form that can be sent. */
export type SentFailure =
  | {
    readonly kind: "command";
    readonly code: CliErrorCode;
    readonly message: string;
    readonly hint: string | undefined;
  }
  | {
    readonly kind: "session";
    readonly code: SessionErrorCode;
    readonly message: string;
  }
  | { readonly kind: "other"; readonly message: string };

/** Returns an error in a form that can be sent. */
export function failureOf(error: unknown): SentFailure {
  if (error instanceof CliError) {
    const { code, message, hint } = error;
    return { kind: "command", code, message, hint };
  }
  if (error instanceof SessionError) {
    const { code, message } = error;
    return { kind: "session", code, message };
  }
  if (error instanceof CodecError) { // the input cannot be encoded
    const { message } = error;
    return { kind: "command", code: "usage", message, hint: undefined };
  }
  const text = error instanceof Error ? error.stack ?? error.message : error;
  return { kind: "other", message: String(text) };
}

/** Returns the error that a worker has sent. */
export function errorOf(failure: SentFailure): Error {
  const { kind, message } = failure;
  switch (kind) {
    case "command":
      return new CliError(message, {
        code: failure.code,
        hint: failure.hint,
      });
    case "session":
      return new SessionError(message, { code: failure.code });
    case "other":
      return new Error(message);
  }
}
