/**
 * Errors of calls and of sessions.
 *
 * The framework's codes are a closed set, separate from the errors that an
 * application declares, so that a caller cannot mistake a broken connection for
 * "no such order".
 *
 * @module
 */
import { isOfKind } from "../../support/error_kind.ts";
import {
  checkChoice,
  checkOptions,
  type OptionNames,
} from "../../support/check_options.ts";
import type { FrameRecord } from "./frame_record.ts";
import { recordingOf } from "./error_recordings.ts";

/**
 * The reason why a call failed.
 *
 * `"declared"` stands for every error that the application declares in its
 * protocol; {@linkcode CallError.declared} holds the name of that error.
 *
 * | code | wire number | meaning |
 * | --- | --: | --- |
 * | `declared` | 0 | the handler threw an error that the method declares |
 * | `cancelled` | 1 | the caller cancelled the call |
 * | `deadline` | 2 | the call's timeout expired |
 * | `unimplemented` | 3 | the peer does not serve this method, or serves it with another shape |
 * | `invalid` | 4 | the method does not accept the input |
 * | `internal` | 5 | the handler failed with an undeclared error; see the incident id |
 * | `overloaded` | 6 | a limit on calls or on unsent bytes was reached |
 * | `unavailable` | 7 | the peer is draining, or there is no connection |
 * | `unauthenticated` | 8 | the credentials were refused |
 * | `forbidden` | 9 | the credentials do not permit this call |
 * | `too-large` | 10 | a message exceeds a size limit |
 * | `malformed` | 11 | the peer violated the protocol in this call |
 * | `disconnected` | 12 | the connection ended before the reply arrived |
 * | `moving` | 13 | a draining server ended a stream that can be resumed elsewhere |
 * | `conflict` | 14 | the key of the call was used before, with another input |
 * | `outcome-lost` | 15 | the call has run, but its outcome is no longer stored |
 * | `gap` | 16, never sent | the stream misses items; `data` is a {@linkcode Gap} |
 *
 * @category Errors
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
  | "disconnected"
  | "moving"
  | "conflict"
  | "outcome-lost"
  | "gap";

/**
 * Whether the handler of a failed call ran.
 *
 * - `"no"`: the handler was never called, so the call is safe to send again.
 * - `"yes"`: the handler ran and settled.
 * - `"maybe"`: unknown.
 *
 * @category Errors
 */
export type Processed = "no" | "maybe" | "yes";

/**
 * When to retry a failed call.
 *
 * - `"now"`: immediately.
 * - `"later"`: after a pause of at least {@linkcode CallError.retryAfter} ms.
 * - `"never"`: a retry is unsafe or would fail in the same way.
 *
 * @category Errors
 */
export type Retry = "never" | "later" | "now";

/** Call error codes, indexed by their wire value (PROTOCOL.md, "Errors"). */
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
  "moving",
  "conflict",
  "outcome-lost",
  "gap",
];

/** {@linkcode Processed} values, indexed by their wire value. */
export const PROCESSED: readonly Processed[] = ["no", "maybe", "yes"];

/** {@linkcode Retry} values, indexed by their wire value. */
export const RETRY: readonly Retry[] = ["never", "later", "now"];

/**
 * Details of a {@linkcode CallError}.
 *
 * @category Errors
 */
export interface CallErrorOptions extends ErrorOptions {
  /** The reason for the failure. */
  code: CallErrorCode;
  /** Dotted name of the method; `""` if unknown. @default {""} */
  method?: string | undefined;
  /** Whether the handler ran. @default {"maybe"} */
  processed?: Processed | undefined;
  /** When to retry the call. @default {"never"} */
  retry?: Retry | undefined;
  /** Milliseconds to wait before a retry. @default {0} */
  retryAfter?: number | undefined;
  /** Name of the declared error; `""` for other codes. @default {""} */
  declared?: string | undefined;
  /** Data of the declared error, or `{ issues }` for an invalid input. @default {undefined} */
  data?: unknown;
  /** Id under which the peer reported the failure. @default {""} */
  incident?: string | undefined;
}

const CALL_ERROR_OPTIONS: OptionNames<CallErrorOptions> = {
  code: true,
  method: true,
  processed: true,
  retry: true,
  retryAfter: true,
  declared: true,
  data: true,
  incident: true,
  cause: true,
};

/**
 * Error of a call that ended without a result.
 *
 * Both ends of a call use this class: a handler may throw it, and a caller
 * catches it. Base the decision to retry on {@linkcode CallError.processed} and
 * {@linkcode CallError.retry}, not on the code or the message.
 *
 * @example Read an error
 * ```ts
 * import { CallError } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new CallError("Cannot accept more calls", {
 *   code: "overloaded",
 *   processed: "no",
 *   retry: "later",
 *   retryAfter: 250,
 * });
 * assertEquals(error.processed, "no"); // the handler did not run: safe to send again
 * assertEquals(error.retryAfter, 250); // milliseconds
 * ```
 *
 * @category Errors
 */
export class CallError extends Error {
  /** Always `"CallError"`. */
  override readonly name = "CallError";
  /** The reason for the failure. */
  readonly code: CallErrorCode;
  /** Dotted name of the method; `""` if unknown. */
  readonly method: string;
  /** Whether the handler ran. */
  readonly processed: Processed;
  /** When to retry the call. */
  readonly retry: Retry;
  /** Milliseconds to wait before a retry; 0 if the callee specified none. */
  readonly retryAfter: number;
  /** Name of the declared error; `""` for other codes. */
  readonly declared: string;
  /** Data of the declared error, or `{ issues }` for an invalid input. */
  readonly data: unknown;
  /** Id under which the peer reported the failure; `""` if it did not. */
  readonly incident: string;

  /**
   * Creates an error for a failed call.
   *
   * @param message what failed, what is expected and what to do
   * @param options the code, details of the call, and the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: CallErrorOptions) {
    checkOptions("CallError()", options, CALL_ERROR_OPTIONS);
    const { code, processed = "maybe", retry = "never" } = options;
    checkChoice("CallError()", "code", code, CALL_ERROR_CODES);
    checkChoice("CallError()", "processed", processed, PROCESSED);
    checkChoice("CallError()", "retry", retry, RETRY);
    super(message, options);
    this.code = code;
    this.method = options.method ?? "";
    this.processed = processed;
    this.retry = retry;
    this.retryAfter = options.retryAfter ?? 0;
    this.declared = options.declared ?? "";
    this.data = options.data;
    this.incident = options.incident ?? "";
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, CallError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "CallError";
  }
}

/**
 * The reason why a session ended (PROTOCOL.md, "GOAWAY").
 *
 * | code | wire number | meaning |
 * | --- | --: | --- |
 * | `closed` | 0 | the session ended without a fault |
 * | `protocol` | 1 | a frame violated the protocol |
 * | `version` | 2 | the major version of the protocol is not supported |
 * | `codec` | 3 | the codec is not supported |
 * | `unauthenticated` | 4 | the credentials were refused |
 * | `timeout` | 5 | the handshake, a credential refresh or a heartbeat took too long |
 * | `too-many` | 6 | too many cancellations or credential refreshes |
 * | `flow-control` | 7 | a frame exceeded its credit, or granted credit incorrectly |
 * | `too-large` | 8 | a frame exceeds a size limit |
 * | `unsent` | 9 | the peer does not read the data sent to it |
 * | `internal` | 10 | the reporting end failed |
 * | `drain` | 11 | the reporting end is draining |
 * | `age` | 12 | the connection has reached its maximum age |
 * | `refused-busy` | 13 | the reporting end has as many connections, or holds as much memory, as it may |
 * | `resume-lost` | 14 | the session that the client wants to resume is gone |
 * | `disconnected` | never sent | the connection ended without GOAWAY |
 *
 * @category Errors
 */
export type SessionErrorCode =
  | "closed"
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
  | "drain"
  | "age"
  | "refused-busy"
  | "resume-lost"
  | "disconnected";

/**
 * Session error codes, indexed by their wire value (PROTOCOL.md, "GOAWAY").
 * `"disconnected"` has none: it is never sent.
 */
export const SESSION_ERROR_CODES: readonly SessionErrorCode[] = [
  "closed",
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
  "drain",
  "age",
  "refused-busy",
  "resume-lost",
];

/** Codes that a client would receive again if it connected unchanged. */
export const PERMANENT_CODES: ReadonlySet<SessionErrorCode> = new Set([
  "protocol",
  "version",
  "codec",
  "unauthenticated",
]);

/** Returns whether a code is that of a drain. */
export function isDrain(code: SessionErrorCode): boolean {
  return code === "drain" || code === "age";
}

/** All session error codes. */
const SESSION_CODES: readonly SessionErrorCode[] = [
  ...SESSION_ERROR_CODES,
  "disconnected",
];

/**
 * Details of a {@linkcode SessionError}.
 *
 * @category Errors
 */
export interface SessionErrorOptions extends ErrorOptions {
  /** The reason why the session ended. */
  code: SessionErrorCode;
  /** Whether the peer reported the error. @default {false} */
  remote?: boolean | undefined;
  /** Milliseconds to wait before connecting again. @default {0} */
  retryAfter?: number | undefined;
  /** Milliseconds over which clients should spread their next connections. @default {0} */
  spread?: number | undefined;
}

const SESSION_ERROR_OPTIONS: OptionNames<SessionErrorOptions> = {
  code: true,
  remote: "flag",
  retryAfter: true,
  spread: true,
  cause: true,
};

/**
 * Error that ends a whole session; either end may have detected it.
 *
 * A session's `finished` promise resolves to it. Every call in flight then
 * fails with a {@linkcode CallError}.
 *
 * @example
 * ```ts
 * import { SessionError } from "@lengthwise/lengthwise";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new SessionError("No reply to a PING", { code: "timeout" });
 * assertEquals(error.code, "timeout");
 * assertEquals(error.remote, false); // found by this end, not reported by the peer
 * ```
 *
 * @category Errors
 */
export class SessionError extends Error {
  /** Always `"SessionError"`. */
  override readonly name = "SessionError";
  /** The reason why the session ended. */
  readonly code: SessionErrorCode;
  /** Whether the peer reported the error, in a GOAWAY frame. */
  readonly remote: boolean;
  /** Milliseconds to wait before connecting again; 0 if the peer specified none. */
  readonly retryAfter: number;
  /**
   * Milliseconds over which clients should spread their next connections, after
   * `retryAfter`; 0 if the peer specified none.
   */
  readonly spread: number;

  /**
   * Creates an error for a session that ended.
   *
   * @param message what failed, what is expected and what to do
   * @param options the code, who reported the error, and the cause
   * @throws {TypeError} if an option or its code is unknown
   */
  constructor(message: string, options: SessionErrorOptions) {
    checkOptions("SessionError()", options, SESSION_ERROR_OPTIONS);
    checkChoice("SessionError()", "code", options.code, SESSION_CODES);
    super(message, options);
    this.code = options.code;
    this.remote = options.remote ?? false;
    this.retryAfter = options.retryAfter ?? 0;
    this.spread = options.spread ?? 0;
  }

  /** Recognizes errors of other copies of the library too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return isOfKind(this, SessionError, value);
  }

  /** Kind of the error, which other copies of the library recognize. */
  get "~lengthwise"(): string {
    return "SessionError";
  }

  /**
   * Headers of the last frames of a session that a violation ended.
   *
   * Empty if the session ended for another reason. Both ends have their own: the end that found the violation, and the one whose
   * frames caused it (`remote`). `formatRecording()` of
   * `@lengthwise/lengthwise/observe` prints them.
   */
  get recording(): readonly FrameRecord[] {
    return recordingOf(this);
  }
}
