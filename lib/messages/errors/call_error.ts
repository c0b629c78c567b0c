/**
 * What a call can end with besides a result.
 *
 * The framework's own codes are a closed set, kept apart from the errors that
 * an application declares: code on either side of the wire never mistakes a
 * broken connection for "no such order".
 *
 * @module
 */

/**
 * The framework's codes; `"declared"` is the one that carries an error which
 * the application declared in its protocol.
 *
 * | code | number | means |
 * | --- | --: | --- |
 * | `declared` | 0 | the handler threw an error that the method declares |
 * | `cancelled` | 1 | the caller cancelled |
 * | `deadline` | 2 | the time for the call ran out |
 * | `unimplemented` | 3 | the other side does not serve this method, or serves it in another shape |
 * | `invalid` | 4 | the input is not what the method accepts |
 * | `internal` | 5 | the handler failed in a way it does not declare; see the incident id |
 * | `overloaded` | 6 | a limit on calls or on unsent bytes is reached |
 * | `unavailable` | 7 | the other side is draining, or there is no connection |
 * | `unauthenticated` | 8 | the credentials were refused |
 * | `forbidden` | 9 | the credentials do not allow this |
 * | `too-large` | 10 | a message is over the limit |
 * | `malformed` | 11 | the other side broke the protocol in this call |
 * | `disconnected` | 12 | the connection ended before the answer came |
 */
export type CallErrorCode =
  | "declared"
  | "cancelled"
  | "deadline"
  | "unimplemented"
  | "invalid"
  | "internal"
  | "overloaded"
  | "unavailable"
  | "unauthenticated"
  | "forbidden"
  | "too-large"
  | "malformed"
  | "disconnected";

/**
 * Whether the handler ran: `"no"`: it was never entered, so the call is safe
 * to send again; `"yes"`: it settled; `"maybe"`: nobody can tell.
 */
export type Processed = "no" | "maybe" | "yes";

/** Whether to try again: `"now"`, `"later"` (after a pause), or `"never"`. */
export type Retry = "never" | "later" | "now";

/** Codes in the order of their numbers on the wire (PROTOCOL.md, "Errors"). */
export const CALL_ERROR_CODES: readonly CallErrorCode[] = [
  "declared",
  "cancelled",
  "deadline",
  "unimplemented",
  "invalid",
  "internal",
  "overloaded",
  "unavailable",
  "unauthenticated",
  "forbidden",
  "too-large",
  "malformed",
  "disconnected",
];

/** {@linkcode Processed} in the order of its numbers on the wire. */
export const PROCESSED: readonly Processed[] = ["no", "maybe", "yes"];

/** {@linkcode Retry} in the order of its numbers on the wire. */
export const RETRY: readonly Retry[] = ["never", "later", "now"];

/** What is known of a failed call; see {@linkcode CallError}. */
export interface CallErrorOptions extends ErrorOptions {
  /** Dotted name of the method, `""` where none is known. */
  method?: string;
  /** Whether the handler ran. @default {"maybe"} */
  processed?: Processed;
  /** Whether to try again. @default {"never"} */
  retry?: Retry;
  /** Milliseconds to wait before that. @default {0} */
  retryAfter?: number;
  /** Name of the declared error. @default {""} */
  declared?: string;
  /** Data of the declared error, or the issues of an invalid input. */
  data?: unknown;
  /** Under which id the other side logged what happened. @default {""} */
  incident?: string;
}

/**
 * A call that did not give a result. Both sides see the same class: handlers
 * may throw one, callers catch one.
 *
 * @example Telling what happened
 * ```ts
 * import { CallError } from "@lengthwise/lengthwise/messages";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new CallError("overloaded", "Cannot take more calls", {
 *   processed: "no",
 *   retry: "later",
 * });
 * assertEquals(error.processed, "no"); // safe to send again
 * ```
 */
export class CallError extends Error {
  /** Always `"CallError"`. */
  override name = "CallError";
  /** What happened. */
  readonly code: CallErrorCode;
  /** Dotted name of the method. */
  readonly method: string;
  /** Whether the handler ran. */
  readonly processed: Processed;
  /** Whether to try again. */
  readonly retry: Retry;
  /** Milliseconds to wait before that. */
  readonly retryAfter: number;
  /** Name of the declared error, or `""`. */
  readonly declared: string;
  /** Data of the declared error, or the issues of an invalid input. */
  readonly data: unknown;
  /** Under which id the other side logged what happened, or `""`. */
  readonly incident: string;

  /**
   * Says what happened to a call.
   *
   * @param code what happened
   * @param message for people
   * @param options what else is known
   */
  constructor(
    code: CallErrorCode,
    message: string,
    options: CallErrorOptions = {},
  ) {
    super(message, options);
    this.code = code;
    this.method = options.method ?? "";
    this.processed = options.processed ?? "maybe";
    this.retry = options.retry ?? "never";
    this.retryAfter = options.retryAfter ?? 0;
    this.declared = options.declared ?? "";
    this.data = options.data;
    this.incident = options.incident ?? "";
  }
}

/** Why a connection ended; the numbers are those of GOAWAY (PROTOCOL.md). */
export type SessionErrorCode =
  | "none"
  | "protocol"
  | "version"
  | "codec"
  | "unauthenticated"
  | "timeout"
  | "too-many"
  | "flow-control"
  | "too-large"
  | "unsent"
  | "internal"
  | "disconnected";

/** Codes in the order of their numbers on the wire (PROTOCOL.md, "GOAWAY"). */
export const SESSION_ERROR_CODES: readonly SessionErrorCode[] = [
  "none",
  "protocol",
  "version",
  "codec",
  "unauthenticated",
  "timeout",
  "too-many",
  "flow-control",
  "too-large",
  "unsent",
  "internal",
  "disconnected",
];

/** A fault that ends the whole connection, ours or the peer's. */
export class SessionError extends Error {
  /** Always `"SessionError"`. */
  override name = "SessionError";
  /** What happened. */
  readonly code: SessionErrorCode;
  /** `true` where the other side reported it in a GOAWAY. */
  readonly remote: boolean;

  /**
   * Says what ended a session.
   *
   * @param code what happened
   * @param message for people
   * @param options `cause`, and whether the other side reported it
   */
  constructor(
    code: SessionErrorCode,
    message: string,
    options: ErrorOptions & { remote?: boolean } = {},
  ) {
    super(message, options);
    this.code = code;
    this.remote = options.remote ?? false;
  }
}
