/**
 * What a caller may know of what its handler threw.
 *
 * | thrown | answer |
 * | --- | --- |
 * | the reason of the call's own signal, or what became of a call on its behalf | that reason |
 * | a fault of the input's that the handler let through | itself |
 * | `context.error(…)`, as the method declares it | itself |
 * | `context.refuse(…)` | itself |
 * | anything else, errors of other calls among it | `internal`, with the id of a report, and what `exposeErrors` allows |
 *
 * @module
 */
import { publicMessage, type Report } from "../errors/incident_report.ts";
import { CallError, type CallErrorCode } from "../errors/call_error.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import { validate } from "../schema/standard_schema.ts";

/** The call that failed. */
export interface FailedCall {
  /** Dotted name of its method. */
  readonly method: string;
  /** The method. */
  readonly declaration: MethodDeclaration;
  /** Whether the handler was entered; by now it has settled. */
  readonly entered: boolean;
  /** What is about this call, and may be told as it is. */
  ownErrorIn(thrown: unknown): CallError | undefined;
  /** Reports what the caller must not know. */
  report(thrown: unknown): Report;
}

/** Framework codes that a handler may end a call with; the rest are the session's to say. */
const REFUSALS: ReadonlySet<CallErrorCode> = new Set([
  "invalid",
  "forbidden",
  "unauthenticated",
  "overloaded",
  "unavailable",
]);

/** Codes of calls that were cut off, and not answered. */
const CUT_OFF: ReadonlySet<CallErrorCode> = new Set([
  "cancelled",
  "deadline",
  "disconnected",
]);

/**
 * Whether something was thrown because nobody waits for its call any more. The
 * calls on its behalf end for the same cause, but each by itself: often they
 * have their own error before this call's signal has fired.
 *
 * @param cancelled why nobody waits
 */
export function comesOf(cancelled: CallError, thrown: unknown): boolean {
  return thrown === cancelled ||
    thrown instanceof CallError &&
      (thrown.cause === cancelled || CUT_OFF.has(thrown.code));
}

/** A promise only where the data of a declared error has a schema that is asynchronous. */
export function answerTo(
  thrown: unknown,
  call: FailedCall,
): CallError | Promise<CallError> {
  try {
    return answer(thrown, call);
  } catch {
    return internal(thrown, call); // anything can be thrown, also what throws when it is read
  }
}

function answer(
  thrown: unknown,
  call: FailedCall,
): CallError | Promise<CallError> {
  const own = call.ownErrorIn(thrown);
  if (own !== undefined) return own;
  // Errors that came from another call have a method: passing them on would tell this caller of that call.
  if (!(thrown instanceof CallError) || thrown.method !== "") {
    return internal(thrown, call);
  }
  if (REFUSALS.has(thrown.code)) return told(thrown, call, thrown.data);
  if (thrown.code === "declared") return declared(thrown, call);
  return internal(thrown, call);
}

/** The answer where the handler has given something that cannot be sent. */
export function unsendable(thrown: unknown, call: FailedCall): CallError {
  if (!isTooLarge(thrown)) return internal(thrown, call);
  return new CallError("too-large", thrown.message, {
    processed: "yes",
    incident: call.report(thrown).incident,
  });
}

function isTooLarge(thrown: unknown): thrown is CallError {
  try {
    return thrown instanceof CallError && thrown.code === "too-large";
  } catch {
    return false; // a getter of the value has thrown it: see answerTo()
  }
}

/** The answer to what nobody foresaw. */
export function internal(thrown: unknown, call: FailedCall): CallError {
  const report = call.report(thrown);
  return new CallError(
    "internal",
    publicMessage(`${call.method} failed`, report),
    {
      processed: call.entered ? "yes" : "no",
      incident: report.incident,
      cause: thrown,
    },
  );
}

/** An error that the method does not declare, or with other data, is a fault of the handler's. */
function declared(
  thrown: CallError,
  call: FailedCall,
): CallError | Promise<CallError> {
  const { errors } = call.declaration;
  // A declaration by types alone does not know its errors' names at run time.
  if (errors === undefined) return told(thrown, call, thrown.data);
  if (!Object.hasOwn(errors, thrown.declared)) return internal(thrown, call);
  const schema = errors[thrown.declared];
  if (!schema) return told(thrown, call, undefined);
  const unfit = (cause: unknown) =>
    internal(
      new Error(
        `${call.method} threw its error "${thrown.declared}" with data that do not fit it: give what the schema of that error accepts`,
        { cause },
      ),
      call,
    );
  try {
    const data = validate(schema, thrown.data);
    if (!(data instanceof Promise)) return told(thrown, call, data);
    return data.then((valid) => told(thrown, call, valid)).catch(unfit);
  } catch (cause) {
    return unfit(cause);
  }
}

function told(thrown: CallError, call: FailedCall, data: unknown): CallError {
  const { code, message, retry, retryAfter, declared } = thrown;
  return new CallError(code, message, {
    processed: call.entered ? "yes" : "no",
    retry,
    retryAfter,
    declared,
    data,
    cause: thrown,
  });
}
