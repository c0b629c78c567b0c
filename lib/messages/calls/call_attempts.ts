/**
 * Calls that interceptors begin for a caller, who may give up meanwhile.
 *
 * @module
 */
import { abortError } from "./pending_call.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { CallError, Processed } from "../errors/call_error.ts";

/** What has been begun for one caller, and whether it still waits. */
export class CallAttempts {
  readonly #method: string;
  #processed: Processed = "no";
  #givenUp: CallError | undefined = undefined;

  /** @param method dotted name of the method */
  constructor(method: string) {
    this.#method = method;
  }

  /** What the caller is told, once it has given up. */
  get givenUp(): CallError | undefined {
    return this.#givenUp;
  }

  /** The caller waits no longer; the first reason holds. */
  giveUp(cause: unknown): CallError {
    return this.#givenUp ??= abortError(this.#method, cause, this.#processed);
  }

  /**
   * Options for a call that begins now. Once the caller has been told that
   * nothing was begun nothing may be, whatever an interceptor does.
   */
  begin(options: CallOptions): CallOptions {
    if (this.#givenUp !== undefined) {
      return { ...options, signal: AbortSignal.abort(this.#givenUp.cause) };
    }
    this.#processed = "maybe";
    return options;
  }
}
