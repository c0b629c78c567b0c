/**
 * Stream of a call that goes through interceptors.
 *
 * The caller holds this stream while the interceptors are waiting, and also if
 * they return something other than the call's own stream.
 *
 * @module
 */
import type { CallAttempts } from "./call_attempts.ts";
import { isIterableObject } from "../streams/item_pump.ts";
import type { CallError } from "../errors/call_error.ts";

/** Members of all streams; the shape determines which optional ones exist. */
export interface AnyStream {
  /** Promise of the output. */
  readonly result?: Promise<unknown>;
  /** Cancels the call. */
  cancel(reason?: unknown): void;
  /** Sends one item. */
  send?(item: unknown): Promise<void>;
  /** Ends the stream of items to send. */
  end?(): Promise<void>;
  /** Returns an iterator over the received items. */
  [Symbol.asyncIterator]?(): AsyncIterator<unknown>;
}

/** Stream of a call that was started. */
export interface StartedStream extends AnyStream {
  /** Whether the call has ended. */
  readonly over: boolean;
  /** Called when the call ends. */
  onOver: () => void;
}

/** Runs the interceptors; calls `onStarted` for each call that they start. */
export type RunInterceptors = (
  onStarted: (call: StartedStream) => void,
) => unknown;

/**
 * Stream that the caller holds in place of the call's own.
 *
 * An interceptor that returns its own items (for example, from a generator
 * around the call's items) need not implement `cancel`, `send`, `end` and
 * `result`: missing members are taken from the call that was started last.
 */
export class InterceptedStream implements AsyncDisposable {
  /** Promise of the output. */
  result: Promise<unknown> = RESOLVED;
  readonly #method: string;
  readonly #attempts: CallAttempts;
  /** Calls that the interceptors have started. */
  readonly #startedCalls: WeakSet<object> = new WeakSet();
  /** Started calls that have not ended. */
  readonly #live: Set<StartedStream> = new Set();
  readonly #firstStarted: PromiseWithResolvers<void> = Promise.withResolvers();
  /** Call that was started last. */
  #call: AnyStream | undefined = undefined;
  /** Promise of the value that the interceptors return. */
  #returned: Promise<unknown> = RESOLVED;
  /** Call that the interceptors returned unchanged; it needs no replacement. */
  #direct: AnyStream | undefined = undefined;
  /** Functions that reject pending promises when the caller gives up. */
  readonly #pending: Set<(error: CallError) => void> = new Set();
  /** The caller's signal, while it can still cancel something. */
  #signal: AbortSignal | undefined;
  /** Listener that is registered on the signal. */
  #onAbort: (() => void) | undefined = undefined;
  #left = false;
  #iterator: Promise<AsyncIterator<unknown>> | undefined = undefined;
  /**
   * First item, if requested early to make a generator start the call.
   */
  #first: Promise<IteratorResult<unknown>> | undefined = undefined;

  private constructor(
    method: string,
    attempts: CallAttempts,
    signal: AbortSignal | undefined,
  ) {
    this.#method = method;
    this.#attempts = attempts;
    this.#signal = signal;
  }

  /**
   * Runs the interceptors around a call with a stream.
   *
   * @param method dotted name of the method
   * @param attempts the attempts for the call
   * @param signal cancels the call, even while interceptors wait; if it is
   * aborted already, no interceptor runs
   * @param run runs the interceptors
   * @returns the stream for the caller: the call's own stream if the
   * interceptors return it immediately, otherwise an `InterceptedStream`
   */
  static begin(
    method: string,
    attempts: CallAttempts,
    signal: AbortSignal | undefined,
    run: RunInterceptors,
  ): unknown {
    const stream = new InterceptedStream(method, attempts, signal);
    let returned: unknown;
    try {
      if (signal?.aborted) throw attempts.giveUp(signal.reason);
      returned = run((call) => stream.#onStarted(call));
    } catch (error) {
      returned = Promise.reject(error);
    }
    if (returned !== undefined && returned === stream.#call) {
      stream.#ignoreSignal();
      return returned;
    }
    stream.#wait(Promise.resolve(returned));
    return stream;
  }

  #wait(returned: Promise<unknown>): void {
    this.#returned = returned;
    returned.then((value) => this.#onReturned(value)).catch(() => {
      this.#ignoreSignal();
      this.#cancelCalls(); // the caller cannot reach these calls
    });
    this.result = this.#unlessGivenUp(async () =>
      await (await this.#member("result")).result
    );
    this.result.catch(() => {}); // a caller that ignores `result` must not cause an unhandled rejection
  }

  /** Called when the interceptors have returned a value. */
  #onReturned(value: unknown): void {
    if (!isStarted(this.#startedCalls, value)) return;
    this.#direct = value;
    this.#ignoreSignal(); // the call listens to the signal itself
  }

  #onStarted(call: StartedStream): void {
    this.#call = call;
    this.#startedCalls.add(call);
    if (!call.over) {
      this.#live.add(call);
      call.onOver = () => {
        this.#live.delete(call);
        this.#unwatch();
      };
    }
    this.#firstStarted.resolve();
    // Encoding the input may have run code that aborts the signal.
    const { givenUp } = this.#attempts;
    if (givenUp !== undefined) call.cancel(givenUp);
  }

  /**
   * Listens to the signal.
   *
   * A signal can outlive many calls, so the listener is removed when nothing is
   * pending and no call is in progress.
   */
  #watch(): void {
    const signal = this.#signal;
    if (signal === undefined || this.#onAbort !== undefined) return;
    if (signal.aborted) return this.cancel(signal.reason);
    this.#onAbort = () => this.cancel(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  #unwatch(): void {
    if (this.#pending.size + this.#live.size === 0) this.#stopListening();
  }

  #stopListening(): void {
    if (this.#onAbort === undefined) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }

  #ignoreSignal(): void {
    this.#stopListening();
    this.#signal = undefined;
  }

  #cancelCalls(reason?: unknown): void {
    for (const call of this.#live) call.cancel(reason);
  }

  #unlessGivenUp<T>(run: () => Promise<T>): Promise<T> {
    this.#watch();
    const { givenUp } = this.#attempts;
    if (givenUp !== undefined) return Promise.reject(givenUp);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      run().then(resolve, reject).finally(() => {
        this.#pending.delete(reject);
        this.#unwatch();
      });
    });
  }

  /**
   * Returns the value that the interceptors returned.
   *
   * @throws {CallError} if the caller has given up, so that nothing more starts
   */
  async #returnedValue(): Promise<unknown> {
    const returned = await this.#returned;
    const { givenUp } = this.#attempts;
    if (givenUp !== undefined) throw givenUp;
    return returned;
  }

  /**
   * Returns the object that has the member: the interceptors' result or the
   * call.
   *
   * @throws {TypeError} if neither has it
   */
  async #member<Name extends keyof AnyStream>(
    name: Name,
  ): Promise<AnyStream & Required<Pick<AnyStream, Name>>> {
    const returned = await this.#returnedValue();
    if (has(returned, name)) return returned;
    // A generator starts the call when its first item is requested.
    if (this.#call === undefined && isIterableObject(returned)) {
      await this.#requestFirst();
    }
    if (has(this.#call, name)) return this.#call;
    throw new TypeError(
      `Cannot call ${this.#method}: its interceptors neither called next() nor returned an object with "${
        String(name)
      }"`,
    );
  }

  async #requestFirst(): Promise<void> {
    const first = this.#first ??= this.#request();
    await Promise.race([this.#firstStarted.promise, first.catch(() => {})]);
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    return this.#unlessGivenUp(async () =>
      await (await this.#member("send")).send(item)
    );
  }

  /** Ends the stream of items to send. */
  end(): Promise<void> {
    return this.#unlessGivenUp(async () =>
      await (await this.#member("end")).end()
    );
  }

  /** Cancels the call, now or as soon as it starts. */
  cancel(reason?: unknown): void {
    if (this.#direct !== undefined) return this.#direct.cancel(reason);
    const givenUp = this.#attempts.giveUp(reason);
    this.#ignoreSignal();
    for (const reject of this.#pending) reject(givenUp);
    this.#cancelCalls(reason);
    this.#closeIterator();
    this.#returned.then((returned) => {
      if (has(returned, "cancel")) returned.cancel(reason);
    }).catch(() => {}); // other members report this error
  }

  /** Cancels the call if it has not ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  /** Returns an iterator over the received items, which can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => {
        if (this.#left) return Promise.resolve(DONE);
        return this.#unlessGivenUp(() => this.#next());
      },
      return: (value) => {
        this.#left = true;
        this.cancel();
        this.#closeIterator();
        return Promise.resolve({ done: true, value });
      },
    };
  }

  async #next(): Promise<IteratorResult<unknown>> {
    const first = this.#first;
    this.#first = undefined;
    return await (first ?? this.#request());
  }

  async #request(): Promise<IteratorResult<unknown>> {
    return await (await this.#items()).next();
  }

  #items(): Promise<AsyncIterator<unknown>> {
    return this.#iterator ??= this.#iterate();
  }

  async #iterate(): Promise<AsyncIterator<unknown>> {
    const returned = await this.#returnedValue();
    return isIterableObject(returned) && !(Symbol.asyncIterator in returned)
      ? toAsyncIterator(returned[Symbol.iterator]())
      : (await this.#member(Symbol.asyncIterator))[Symbol.asyncIterator]();
  }

  /** Closes an interceptor's generator so that it cleans up; does not wait. */
  #closeIterator(): void {
    (async () => await (await this.#iterator)?.return?.())().catch(() => {});
  }
}

const RESOLVED: Promise<unknown> = Promise.resolve();

function isStarted(
  calls: WeakSet<object>,
  value: unknown,
): value is StartedStream {
  return typeof value === "object" && value !== null && calls.has(value);
}

function has<Name extends keyof AnyStream>(
  value: unknown,
  name: Name,
): value is AnyStream & Required<Pick<AnyStream, Name>> {
  return typeof value === "object" && value !== null && name in value;
}

/** Converts a synchronous iterator, whose values may be promises. */
function toAsyncIterator(iterator: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    async next() {
      const { done, value } = iterator.next();
      return done ? DONE : { done: false, value: await value };
    },
    return: () => Promise.resolve(iterator.return?.() ?? DONE),
  };
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined };
