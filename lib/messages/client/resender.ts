/**
 * Makes the calls of a client: waits for a session, and sends failed calls again
 * by the rules in `resend_rules.ts`.
 *
 * It is the innermost interceptor of the client's calls, so each attempt of an
 * interceptor waits and is sent again as well.
 *
 * @module
 */
import { abortError, type PendingCall } from "../calls/pending_call.ts";
import type { DirectCalls } from "../calls/remote.ts";
import type {
  AttemptRequest,
  CallResponse,
  Interceptor,
  OutgoingRequest,
} from "../calls/interceptor.ts";
import { StreamProgress } from "../calls/stream_progress.ts";
import type { AnyCallOptions } from "../protocol/client_types.ts";
import { continuedItems, type StreamAttempts } from "./continued_stream.ts";
import { CallError, type Processed } from "../errors/call_error.ts";
import { markForeign } from "../errors/call_stack.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { sendsItems } from "../session/calls/call_state.ts";
import type { NumberedCall, OnceNumbers } from "../calls/once_numbers.ts";
import { resendClass } from "./resend_rules.ts";
import { resendable, type ResendableItems } from "./resendable_items.ts";
import type { RetryBudget } from "./retry_budget.ts";
import type { WaitingCalls } from "./waiting_calls.ts";

/** Members of a client that its calls require. */
export interface ResendHost {
  /** Calls that wait for a session. */
  readonly waiting: WaitingCalls;
  /** Budget of the calls that are sent again. */
  readonly budget: RetryBudget;
  /** Maximum number of attempts of a call. */
  readonly maxAttempts: number;
  /** Milliseconds that a call may wait for a session. */
  readonly waitTimeout: number;
  /** Whether a call can be made now. */
  readonly hasSession: boolean;
  /** Error of the client if no session will be opened any more. */
  readonly ended: CallError | undefined;
  /** The last error of an attempt to connect. */
  readonly lastFailure: unknown;
  /** Returns the declaration of a method. */
  method(name: string): BoundMethod;
  /** Default timeout of calls in ms, or `undefined`. */
  readonly callTimeout: number | undefined;
  /** The calls that run at most once; `undefined` if the protocol has none. */
  readonly once: OnceNumbers | undefined;
  /** Called when the client ends, for each call that pauses. */
  readonly pauses: Set<(error: CallError) => void>;
  /** Returns a copy of a value, and its encoded size. */
  copy(value: unknown): { copy: unknown; bytes: number };
  /** Returns the pause before a call is sent again, in ms. */
  pause(attempt: number): number;
  /** Called when a call has ended, so that others may start. */
  onSettled(): void;
  /** Called with the error of a notification that was dropped. */
  onDropped(error: CallError): void;
}

type Next = (request: OutgoingRequest) => Promise<CallResponse>;

/** Returns the interceptor that waits and sends calls again. */
export function resender(host: ResendHost): Interceptor {
  return (request, next) => {
    switch (request.shape) {
      case "notification":
        return notify(host, request, next);
      case "serverStream":
      case "duplex":
        return openStream(host, request, next);
      default:
        return result(new Attempts(host, request), next);
    }
  };
}

/**
 * Makes the first attempts of unary calls directly, without the interceptor.
 *
 * Only calls that fail, or that must wait, need it.
 */
export function directCalls(host: ResendHost): DirectCalls {
  return {
    get ready() {
      return isReady(host);
    },
    succeeded() {
      host.budget.succeeded(performance.now());
      host.onSettled();
    },
    continued({ method }, first, error) {
      host.onSettled();
      const kind = resendClass(error, method);
      if (kind === "final" || host.ended !== undefined) return undefined;
      return async (request, next) => {
        const attempts = new Attempts(host, request, first);
        await attempts.failed(error);
        return result(attempts, next);
      };
    },
  };
}

/** Returns whether a call can be made now, without waiting for others. */
function isReady(host: ResendHost): boolean {
  return host.ended === undefined && host.waiting.size === 0 && host.hasSession;
}

/**
 * Notifications wait for a session as calls do. They are sent at most once:
 * another attempt follows only if none has left this process.
 */
async function notify(
  host: ResendHost,
  request: OutgoingRequest,
  next: Next,
): Promise<CallResponse> {
  let begun = isReady(host); // the session then reports it if it drops it
  let failure: unknown;
  try {
    if (begun) return await next(request);
  } catch (error) {
    failure = error;
  }
  try {
    const attempts = new Attempts(host, request);
    if (begun) await attempts.failed(failure);
    return await attempts.run((request) => {
      begun = true;
      return next(request);
    });
  } catch (error) {
    if (!begun && error instanceof CallError) host.onDropped(error);
    throw error;
  }
}

/** Sends a call again until it has succeeded. */
async function result(attempts: Attempts, next: Next): Promise<CallResponse> {
  attempts.items?.hold();
  try {
    const response = await attempts.run(next);
    attempts.succeeded();
    return response;
  } finally {
    attempts.over();
    attempts.items?.release();
  }
}

/** Sends a stream again, and continues it in other sessions. */
async function openStream(
  host: ResendHost,
  request: OutgoingRequest,
  next: Next,
): Promise<CallResponse> {
  const { resume }: AnyCallOptions = request.options;
  const progress = new StreamProgress(resume);
  const attempts = new Attempts(host, { ...request, progress });
  const response = await attempts.run(next);
  const metadata: Record<string, string> = Object.create(null);
  return {
    ...response,
    metadata, // of the attempt that succeeds
    items: continuedItems(response, next, { attempts, progress, metadata }),
  } as CallResponse; // its shape is that of the response
}

/** The attempts of one call. */
class Attempts implements StreamAttempts {
  readonly #host: ResendHost;
  #request: AttemptRequest;
  readonly #method: BoundMethod;
  readonly #signal: AbortSignal;
  /** Time in ms at which the call fails, or `Infinity`. */
  readonly #deadline: number;
  /** Milliseconds that the call may still wait for sessions. */
  #waitLeft: number;
  /** Number of attempts that may have reached a server; the others are free. */
  #sent = 0;
  /** Whether a server has refused the call unseen. */
  #unseen = false;
  #processed: Processed = "no";
  #lastError: unknown = undefined;
  /** The items to send, if the caller sends any. */
  readonly items: ResendableItems | undefined;
  /** The call, if it runs at most once. */
  readonly #once: NumberedCall | undefined;

  /**
   * @param host the client
   * @param request the call
   * @param first the first attempt, if it was made directly
   */
  constructor(
    host: ResendHost,
    request: AttemptRequest,
    first?: Pick<PendingCall, "deadlineAt">,
  ) {
    this.#host = host;
    this.#request = request;
    const method = this.#method = host.method(request.method);
    const { timeout, signal } = request.options;
    this.#signal = signal!; // always set in a request
    const asked = timeout ?? method.method.timeout ?? host.callTimeout ??
      Infinity;
    // The attempt reports a timeout that is not valid.
    this.#deadline = first?.deadlineAt ??
      (asked > 0 ? performance.now() + asked : Infinity);
    this.#waitLeft = host.waitTimeout;
    this.items = resendable(request.items);
    this.#once = method.method.once
      ? host.once?.next(request.options.key ?? "")
      : undefined;
  }

  /** Makes attempts until one succeeds or the call fails for good. */
  async run(next: Next): Promise<CallResponse> {
    for (;;) {
      const response = this.#mustWait()
        ? await this.#whenReleased(next)
        : this.#attempt(next); // a call begins at once if it can
      try {
        return await response.begun;
      } catch (error) {
        await this.failed(error);
      } finally {
        this.#host.onSettled();
      }
    }
  }

  /** Makes one attempt. The object keeps its promise from being awaited early. */
  #attempt(next: Next): { begun: Promise<CallResponse> } {
    const left = this.#deadline - performance.now();
    if (left <= 0) return { begun: Promise.reject(this.#tooLate("deadline")) };
    const { options, attempt = 0 } = this.#request;
    const timeout = left === Infinity ? options.timeout : left;
    const request: AttemptRequest = {
      ...this.#request,
      items: this.items?.items ?? this.#request.items,
      options: { ...options, timeout },
      attempt: attempt + this.#sent,
      once: this.#once?.identity,
    };
    return { begun: next(request) };
  }

  /** @inheritdoc */
  async interrupted(error: unknown, again: number): Promise<void> {
    const { ended } = this.#host;
    this.#processed = "maybe";
    if (ended !== undefined) {
      // A stream that moves has no other reason to end.
      throw isMove(error) ? this.#endedError(ended) : error;
    }
    this.#lastError = error;
    this.#sent = 0;
    this.#unseen = false;
    this.#waitLeft = this.#host.waitTimeout;
    await this.#pauseAfter(error, again === 0 ? 0 : this.#host.pause(again));
  }

  /** Counts a success, which pays for calls that are sent again. */
  succeeded(): void {
    this.#host.budget.succeeded(performance.now());
  }

  /** Called when no further attempt follows. */
  over(): void {
    this.#once?.over();
  }

  /**
   * Decides after a failed attempt. Resolves when the next one may begin.
   *
   * @throws the error if there is no other attempt; if an earlier one may have
   * run, it says so
   */
  async failed(error: unknown): Promise<void> {
    try {
      await this.#decide(error);
    } catch (thrown) {
      throw this.#processed === "maybe" ? asMaybe(thrown) : thrown;
    }
  }

  async #decide(error: unknown): Promise<void> {
    const { budget, maxAttempts } = this.#host;
    const { method } = this.#method;
    const kind = resendClass(error, method);
    this.#lastError = error;
    if (kind !== "unsent") this.#sent++;
    if (error instanceof CallError && error.processed !== "no") {
      this.#processed = "maybe";
    }
    if (this.#processed === "no") this.#once?.identity.notRun();
    if (kind === "final" || this.items?.intact === false) throw error;
    if (this.#host.ended !== undefined) throw error; // the real reason
    this.items?.rewind();
    if (kind === "unsent") return;
    if (kind === "unseen" && !this.#unseen) {
      this.#unseen = true;
      return;
    }
    if (this.#sent >= maxAttempts) {
      throw notRepeated(
        error,
        `${this.#sent} attempts were made, option retry.maxAttempts`,
      );
    }
    if (!budget.take(performance.now())) {
      throw notRepeated(error, "its budget is used up, option retry.budget");
    }
    await this.#pauseAfter(error, this.#host.pause(this.#sent));
  }

  /**
   * Waits for `ms`, or for as long as the server asks.
   *
   * @throws the error if that is too long
   */
  async #pauseAfter(error: unknown, ms: number): Promise<void> {
    const named = error instanceof CallError ? error.retryAfter : 0;
    const pause = Math.max(named, ms);
    const { waitTimeout } = this.#host;
    if (named > waitTimeout) {
      throw notRepeated(
        error,
        `the server names a pause of ${named} ms, and option wait.timeout is ${waitTimeout} ms`,
      );
    }
    if (performance.now() + pause >= this.#deadline) {
      throw notRepeated(error, "the deadline would pass first");
    }
    if (pause > 0) await this.#sleep(pause);
  }

  /** Returns whether the call must wait for a session or other calls. */
  #mustWait(): boolean {
    const host = this.#host;
    if (host.ended !== undefined) throw this.#endedError(host.ended);
    return !host.hasSession || host.waiting.size > 0;
  }

  /**
   * Waits for a session, and then makes an attempt.
   *
   * The attempt begins when the call is released, not later, so that calls keep
   * their order and the sessions' loads are exact.
   */
  async #whenReleased(next: Next): Promise<{ begun: Promise<CallResponse> }> {
    const host = this.#host;
    const { name } = this.#method;
    const bytes = this.#copyInput();
    const refusal = host.waiting.refusal(bytes);
    if (refusal !== undefined) {
      throw new CallError(`${name}: ${refusal}`, {
        code: "overloaded",
        method: name,
        processed: this.#processed,
        retry: "later",
        cause: host.lastFailure,
      });
    }
    const start = performance.now();
    let attempt: { begun: Promise<CallResponse> } | undefined;
    await this.#until(this.#waitLeft, (resume, fail) => {
      const call = {
        bytes,
        resume: () => {
          attempt = this.#attempt(next);
          attempt.begun.catch(() => {}); // awaited later
          resume();
        },
        fail: (error: CallError) => fail(this.#endedError(error)),
      };
      host.waiting.add(call);
      return () => host.waiting.remove(call);
    });
    this.#waitLeft -= performance.now() - start;
    return attempt!; // set by resume()
  }

  /**
   * Copies the input, which its owner may change during the wait.
   *
   * @returns the number of its encoded bytes
   */
  #copyInput(): number {
    const { input, shape } = this.#request;
    if (sendsItems(shape) || input === undefined) return 0;
    const { copy, bytes } = this.#host.copy(input);
    this.#request = { ...this.#request, input: copy };
    return bytes;
  }

  async #sleep(ms: number): Promise<void> {
    const { pauses } = this.#host;
    await this.#until(Infinity, (resume, fail) => {
      const end = (error: CallError) => fail(this.#endedError(error));
      const timer = setTimeout(resume, ms);
      pauses.add(end);
      return () => {
        clearTimeout(timer);
        pauses.delete(end);
      };
    });
  }

  /** Waits for an event; fails at the deadline, after `most` ms, or on an abort. */
  async #until(
    most: number,
    begin: (
      resume: () => void,
      fail: (error: unknown) => void,
    ) => () => void,
  ): Promise<void> {
    const signal = this.#signal;
    const left = this.#deadline - performance.now();
    const code = left < most ? "deadline" : "unavailable";
    const ms = Math.min(left, most);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () =>
      reject(abortError(this.#method.name, signal.reason, this.#processed));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const timer = ms === Infinity ? undefined : setTimeout(
      () => reject(this.#tooLate(code)),
      Math.min(Math.max(ms, 0), 2 ** 31 - 1),
    );
    const end = begin(resolve, reject);
    try {
      await promise;
    } finally {
      end();
      clearTimeout(timer);
      signal.removeEventListener("abort", abort);
    }
  }

  /** Returns the error of this call after the end of its client. */
  #endedError(ended: CallError): CallError {
    return endedError(ended, this.#method.name, this.#processed);
  }

  /** Returns the error of a call that has waited for too long. */
  #tooLate(code: "deadline" | "unavailable"): CallError {
    const { lastFailure, waitTimeout } = this.#host;
    const { name } = this.#method;
    const cause = lastFailure ?? this.#lastError;
    const why = cause instanceof Error
      ? `; last failure: ${cause.message}`
      : "";
    return markForeign(
      new CallError(
        code === "deadline"
          ? `${name}: the deadline passed while the call waited for a session${why}`
          : `${name}: no session was open within ${waitTimeout} ms (option wait.timeout)${why}`,
        {
          code,
          method: name,
          processed: this.#processed,
          retry: code === "deadline" ? "never" : "later",
          cause,
        },
      ),
    );
  }
}

/** Returns whether a draining server has asked to continue a stream elsewhere. */
function isMove(error: unknown): boolean {
  return error instanceof CallError && error.code === "moving";
}

/** Returns an attempt's error that says why no other attempt follows. */
function notRepeated(error: unknown, why: string): unknown {
  if (!(error instanceof CallError)) return error;
  const { code, method, processed, retry, retryAfter } = error;
  const { declared, data, incident, cause } = error;
  return markForeign(
    new CallError(`${error.message} (not sent again: ${why})`, {
      ...{ code, method, processed, retry, retryAfter },
      ...{ declared, data, incident, cause },
    }),
  );
}

/** Returns an attempt's error for a call that may have run. */
function asMaybe(error: unknown): unknown {
  if (!(error instanceof CallError) || error.processed !== "no") return error;
  const { message, code, method, retryAfter, declared, data } = error;
  return markForeign(
    new CallError(message, {
      ...{ code, method, retryAfter, declared, data },
      processed: "maybe",
      cause: error,
    }),
  );
}

/** Returns the error of a call after the end of its client. */
function endedError(
  { code, message, cause }: CallError,
  method: string,
  processed: Processed,
): CallError {
  return markForeign(
    new CallError(`${method}: ${message}`, {
      code,
      method,
      processed,
      cause,
    }),
  );
}
