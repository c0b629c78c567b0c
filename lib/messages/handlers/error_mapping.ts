/**
 * Maps errors that handlers and middleware throw to errors for the caller.
 *
 * | thrown | the caller receives |
 * | --- | --- |
 * | the abort reason of the call's signal, or the error of a call made on this call's behalf that ended for the same reason | the abort reason |
 * | the error for an invalid input or item of the caller, or for an item that cannot be sent | the same error |
 * | `context.error(…)`, as the method declares it | the same error |
 * | `context.refuse(…)` | the same error |
 * | an error that a gateway passes on | the same error |
 * | the reason of `context.draining`, which is that of `session.draining` | `unavailable` |
 * | anything else, including errors from other calls | `internal`, with an incident id and the details that `exposeErrors` allows |
 *
 * @module
 */
import { publicMessage } from "../errors/incident_report.ts";
import {
  CallError,
  type CallErrorCode,
  type SessionError,
} from "../errors/call_error.ts";
import { isPassedOn } from "../errors/passed_on.ts";
import { didYouMean } from "../../support/did_you_mean.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import type { Handling } from "./handling.ts";
import { validate } from "../schema/standard_schema.ts";

/** The call that failed. */
export type FailedCall = Handling & {
  /** Whether the handler was entered; if so, it has settled by now. */
  readonly entered: boolean;
};

/** Framework codes with which a handler may end a call. Only the session uses the others. */
const REFUSALS: ReadonlySet<CallErrorCode> = new Set([
  "invalid",
  "forbidden",
  "unauthenticated",
  "overloaded",
  "unavailable",
]);

/**
 * Returns the error that the caller receives.
 *
 * The result is a promise only if the data of a declared error has an
 * asynchronous schema.
 */
export function mapError(
  thrown: unknown,
  call: FailedCall,
): CallError | Promise<CallError> {
  try {
    return mapReadable(thrown, call);
  } catch {
    return internalError(thrown, call); // reading the thrown value threw an error
  }
}

function mapReadable(
  thrown: unknown,
  call: FailedCall,
): CallError | Promise<CallError> {
  const own = call.ownErrorIn(thrown);
  if (own !== undefined) return own;
  const { drainReason } = call.host;
  if (drainReason !== undefined && thrown === drainReason) {
    return call.cancelled ?? drainError(drainReason, call);
  }
  if (thrown instanceof CallError && isPassedOn(thrown)) return thrown;
  // An error from another call names its method. Passing it on would disclose
  // that call.
  if (!(thrown instanceof CallError) || thrown.method !== "") {
    return internalError(thrown, call);
  }
  if (REFUSALS.has(thrown.code)) return publicError(thrown, call, thrown.data);
  if (thrown.code === "declared") return declaredError(thrown, call);
  return internalError(thrown, call);
}

/** Returns the error for a handler that ended with its session. */
function drainError({ retryAfter }: SessionError, call: FailedCall): CallError {
  return new CallError(`${call.method} ended because its session is ending`, {
    code: "unavailable",
    processed: call.entered ? "yes" : "no",
    retry: retryAfter > 0 ? "later" : "now",
    retryAfter,
  });
}

/** Returns the error for a result or item that cannot be sent. */
export function unsendableError(thrown: unknown, call: FailedCall): CallError {
  if (hasCode(thrown, "overloaded")) { // by the session, for its memory
    const { code, processed, message } = thrown;
    return new CallError(`${call.method}: ${message}`, { code, processed });
  }
  if (!hasCode(thrown, "too-large")) return internalError(thrown, call);
  return new CallError(thrown.message, {
    code: "too-large",
    processed: "yes",
    incident: call.report(thrown).incident,
  });
}

function hasCode(thrown: unknown, code: CallErrorCode): thrown is CallError {
  try {
    return thrown instanceof CallError && thrown.code === code;
  } catch {
    return false; // reading the thrown value threw an error: see mapError()
  }
}

/** Reports an undeclared error and returns the `internal` error for the caller. */
export function internalError(thrown: unknown, call: FailedCall): CallError {
  const report = call.report(thrown);
  return new CallError(
    publicMessage(`${call.method} failed`, report),
    {
      code: "internal",
      processed: call.entered ? "yes" : "no",
      incident: report.incident,
      cause: thrown,
    },
  );
}

/**
 * Validates a declared error. If the method does not declare the error, or the
 * error's schema does not accept the data, the handler is at fault.
 */
function declaredError(
  thrown: CallError,
  call: FailedCall,
): CallError | Promise<CallError> {
  const { errors } = call.declaration;
  // If errors are declared by types alone, their names are unknown at run time.
  if (errors === undefined && !hasSchemas(call.declaration)) {
    return publicError(thrown, call, thrown.data);
  }
  if (errors === undefined || !Object.hasOwn(errors, thrown.declared)) {
    return internalError(undeclared(thrown, call), call);
  }
  const schema = errors[thrown.declared];
  if (!schema) return publicError(thrown, call, undefined);
  const invalid = (cause: unknown) =>
    internalError(
      new Error(
        `${call.method} threw its declared error "${thrown.declared}" with data that does not match the schema of that error`,
        { cause },
      ),
      call,
    );
  try {
    const data = validate(schema, thrown.data);
    if (!(data instanceof Promise)) return publicError(thrown, call, data);
    return data.then((valid) => publicError(thrown, call, valid))
      .catch(invalid);
  } catch (cause) {
    return invalid(cause);
  }
}

/** Returns whether a method is declared with schemas rather than types alone. */
function hasSchemas({ input, output, opening }: MethodDeclaration): boolean {
  return (input ?? output ?? opening) !== undefined;
}

function undeclared(thrown: CallError, call: FailedCall): TypeError {
  const hint = didYouMean(
    thrown.declared,
    Object.keys(call.declaration.errors ?? {}),
  );
  return new TypeError(
    `${call.method} threw the error "${thrown.declared}", which it does not declare${hint}; add it to the errors of its declaration, or throw context.refuse()`,
    { cause: thrown },
  );
}

/** Copies the parts of a thrown error that the caller may receive. */
function publicError(
  thrown: CallError,
  call: FailedCall,
  data: unknown,
): CallError {
  const { code, message, retry, retryAfter, declared } = thrown;
  return new CallError(message, {
    code,
    processed: call.entered ? "yes" : "no",
    retry,
    retryAfter,
    declared,
    data,
    cause: thrown,
  });
}
