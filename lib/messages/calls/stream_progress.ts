/**
 * The progress of a stream that may take several calls.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import type { AnyCallOptions } from "../protocol/client_types.ts";
import { Feature } from "../session/wire/features.ts";
import type { Position } from "../session/wire/fields.ts";
import { isThenable, reportRejection } from "../support/thenable.ts";

/** The input of a call, or where it continues a stream. */
export interface StreamRequest {
  /** The input. */
  readonly input: unknown;
  /** The last item that was received, if the server supports positions. */
  readonly resumeFrom?: Position | undefined;
}

/** The progress of a stream. */
export class StreamProgress {
  /** Position up to which the stream was handed out. */
  position: Position | undefined = undefined;
  /** The error that interrupted the stream. */
  #interruption: { readonly error: unknown } | undefined = undefined;
  /** The item that was handed out last. */
  last: unknown = undefined;
  readonly #resume: AnyCallOptions["resume"];

  /** @param resume the option of the call */
  constructor(resume?: AnyCallOptions["resume"]) {
    this.#resume = resume;
  }

  /** Whether another call may continue the stream. */
  get continues(): boolean {
    return this.position !== undefined || this.#resume !== undefined;
  }

  /** Lets the next call continue the stream. */
  interrupt(error: unknown): void {
    this.#interruption = { error };
  }

  /**
   * Returns what the next call sends in a session with these features.
   *
   * @throws the error that interrupted the stream, if it cannot continue there
   */
  next(input: unknown, features: number): StreamRequest {
    if (this.#interruption === undefined) return { input };
    const positions = (features & Feature.POSITIONS) !== 0;
    if (this.position !== undefined && positions) {
      return { input, resumeFrom: this.position };
    }
    if (this.#resume !== undefined) {
      return { input: checkInput(this.#resume(this.last, input)) };
    }
    throw this.#interruption.error;
  }
}

/**
 * Returns the input that `resume()` has returned.
 *
 * @throws {TypeError} if it is a promise, whose error is then ignored
 */
function checkInput(input: unknown): unknown {
  if (!isThenable(input)) return input;
  reportRejection(input, () => {});
  throw new TypeError(
    "Cannot continue the stream: the option resume returned a promise; expected the input of the next call",
  );
}

/** Returns whether a cut or a drain has ended a stream. */
export function isInterruption(error: unknown): boolean {
  if (!(error instanceof CallError)) return false;
  const { code, processed, retry } = error;
  // A handler that fails with `unavailable` has run; it may advise to try again.
  return code === "moving" || code === "disconnected" ||
    code === "unavailable" && (processed !== "yes" || retry !== "never");
}
