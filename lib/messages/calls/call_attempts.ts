/**
 * Attempts that interceptors make for one call.
 *
 * @module
 */
import { abortError } from "./pending_call.ts";
import type { CallOptions } from "../protocol/client_types.ts";
import type { CallError, Processed } from "../errors/call_error.ts";

/** Attempts for one call, and whether its caller has given up. */
export class CallAttempts {
  readonly #method: string;
  #processed: Processed = "no";
  #givenUp: CallError | undefined = undefined;

  /** @param method dotted name of the method */
  constructor(method: string) {
    this.#method = method;
  }

  /** Error that the caller received when it gave up. */
  get givenUp(): CallError | undefined {
    return this.#givenUp;
  }

  /** Records that the caller gave up, and why; only the first cause counts. */
  giveUp(cause: unknown): CallError {
    return this.#givenUp ??= abortError(this.#method, cause, this.#processed);
  }

  /**
   * Returns the options for a new attempt.
   *
   * Once the caller has given up, the signal of every new attempt is already
   * aborted. The caller may have received `processed: "no"`, which must remain
   * true whatever an interceptor does.
   */
  begin(options: CallOptions): CallOptions {
    if (this.#givenUp !== undefined) {
      return { ...options, signal: AbortSignal.abort(this.#givenUp.cause) };
    }
    this.#processed = "maybe";
    return options;
  }
}
