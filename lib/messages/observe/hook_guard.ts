/**
 * Keeps the errors of observers away from sessions and calls.
 *
 * @module
 */
import { reportRejection } from "../support/thenable.ts";

/** Milliseconds between two reports about one function. */
const INTERVAL = 60_000;

/** Reporter of what the functions of observers throw. */
export class HookGuard {
  readonly #report: (error: unknown) => void;
  readonly #reportedAt: Map<string, number> = new Map();

  /** @param report reports an error */
  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  /**
   * Reports an error, unless the function has failed within the last minute.
   *
   * @param hook name of the function
   */
  failed(hook: string, cause: unknown): void {
    const now = performance.now();
    const last = this.#reportedAt.get(hook) ?? -Infinity;
    if (now - last < INTERVAL) return;
    this.#reportedAt.set(hook, now);
    this.#report(
      new Error(
        `The function ${hook}() of an observer failed; further failures are not reported for a minute`,
        { cause },
      ),
    );
  }

  /**
   * Takes what a function has returned.
   *
   * An asynchronous function is a mistake, but must not end the process.
   */
  returned(hook: string, value: unknown): void {
    if (value === undefined) return;
    reportRejection(value, (error) => this.failed(hook, error));
  }

  /** Calls a function of each observer, and reports what fails. */
  each<T>(
    hook: string,
    observers: readonly T[],
    run: (observer: T) => unknown,
  ): void {
    for (const observer of observers) {
      try {
        this.returned(hook, run(observer));
      } catch (error) {
        this.failed(hook, error);
      }
    }
  }
}
