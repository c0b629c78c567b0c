/**
 * Deadline of a handler that may outlive its caller's connection.
 *
 * @module
 */
import { CallError } from "../errors/call_error.ts";
import { markForeign } from "../errors/call_stack.ts";
import { setRef } from "../support/keep_alive.ts";

/** Longest time of a timer, in ms. */
const MAX_TIME = 0x7fff_ffff;

/** Deadline of a handler. */
export class RunDeadline {
  /** Error of the handler if the deadline has passed. */
  passed: CallError | undefined = undefined;
  readonly #method: string;
  readonly #onPassed: (error: CallError) => void;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  /**
   * @param method name of the method
   * @param ms milliseconds until the deadline, or `Infinity`
   * @param onPassed aborts the handler
   */
  constructor(
    method: string,
    ms: number,
    onPassed: (error: CallError) => void,
  ) {
    this.#method = method;
    this.#onPassed = onPassed;
    if (ms <= 0) this.expire();
    else if (ms <= MAX_TIME) {
      this.#timer = setTimeout(() => this.expire(), ms);
      setRef(this.#timer, false);
    }
  }

  /** Lets the deadline pass now. */
  expire(): void {
    if (this.passed !== undefined) return;
    this.clear();
    this.passed = markForeign(
      new CallError(`${this.#method}: the deadline passed`, {
        code: "deadline",
        method: this.#method,
        processed: "no", // unless the handler was entered
      }),
    );
    this.#onPassed(this.passed);
  }

  /** Returns the error of a handler that has settled with this error. */
  settled(error: CallError): CallError {
    if (error !== this.passed) return error;
    const { code, message } = error;
    return new CallError(message, { code, processed: "yes" });
  }

  /** Stops the timer. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
