/**
 * A call with items that interceptors stand around: what the caller holds
 * while they wait, and whatever they give instead of the call itself.
 *
 * @module
 */
import { hasItems } from "./_item_pump.ts";
import { abortError } from "./_outgoing_call.ts";
import type { CallError } from "./errors.ts";

/** What calls with items can do; of the optional members a shape has some. */
export interface AnyStream {
  /** Whether the call has ended. */
  readonly over?: boolean;
  /** Of the output. */
  readonly result?: Promise<unknown>;
  /** Cancels the call. */
  cancel(reason?: unknown): void;
  /** Sends one item. */
  send?(item: unknown): Promise<void>;
  /** Says that no more follow. */
  end?(): Promise<void>;
  /** Items that come back. */
  [Symbol.asyncIterator]?(): AsyncIterator<unknown>;
}

/** Begins the call, by way of the interceptors; told of each call that is begun. */
export type InterceptedRun = (began: (call: AnyStream) => void) => unknown;

/**
 * Stands for the call. An interceptor that gives its own items (a generator
 * around those of the call) need not know how to cancel, send or end: what it
 * does not have is the call's, or with several attempts the last one's.
 */
export class InterceptedStream implements AsyncDisposable {
  /** Of the output. */
  result: Promise<unknown> = NOTHING;
  readonly #method: string;
  /** Attempts that the interceptors have made; those before the last only while they go on. */
  readonly #calls: Set<AnyStream> = new Set();
  readonly #begun: PromiseWithResolvers<void> = Promise.withResolvers();
  #call: AnyStream | undefined = undefined;
  /** What the interceptors give, sooner or later. */
  #made: Promise<unknown> = NOTHING;
  /** The call, where they give it as it is: there is nothing to stand for. */
  #direct: AnyStream | undefined = undefined;
  /** What is told when the caller gives up, whatever an interceptor waits for. */
  readonly #pending: Set<(error: CallError) => void> = new Set();
  #givenUp: CallError | undefined = undefined;
  /** The caller's signal is not needed any more. */
  #unwatch: () => void = () => {};
  #left = false;
  #iterator: Promise<AsyncIterator<unknown>> | undefined = undefined;
  /** The first item, where it had to be asked for so that the call begins. */
  #first: Promise<IteratorResult<unknown>> | undefined = undefined;

  private constructor(method: string) {
    this.#method = method;
  }

  /**
   * Begins a call.
   *
   * @param method dotted name of the method
   * @param signal cancels it while interceptors wait; the calls that they begin look for themselves.
   * Once it has fired nothing is begun, the interceptors neither
   * @param run begins it
   * @returns what the caller holds: the call itself, where nothing stands around it
   */
  static begin(
    method: string,
    signal: AbortSignal | undefined,
    run: InterceptedRun,
  ): unknown {
    const stream = new InterceptedStream(method);
    let made: unknown;
    try {
      if (signal?.aborted) throw abortError(method, signal.reason);
      made = run((call) => stream.#began(call));
    } catch (error) {
      made = Promise.reject(error);
    }
    if (made !== undefined && made === stream.#call) return made;
    stream.#wait(Promise.resolve(made), signal);
    return stream;
  }

  #wait(made: Promise<unknown>, signal: AbortSignal | undefined): void {
    this.#made = made;
    this.#watch(signal);
    made.then((made) => this.#stands(made)).catch(() => {
      this.#unwatch();
      this.#cancelCalls(); // nobody is to have what was begun
    });
    this.result = this.#unlessGivenUp(async () =>
      await (await this.#member("result")).result
    );
    // As for a call that nobody has touched.
    this.result.then(() => this.#unwatch(), () => {});
  }

  #watch(signal: AbortSignal | undefined): void {
    if (signal === undefined) return;
    const abort = () => this.cancel(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#unwatch = () => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort(); // by an interceptor
  }

  /** The interceptors have decided what the caller gets. */
  #stands(made: unknown): void {
    this.#direct = [...this.#calls].find((call) => call === made);
    // A generator may still wait before it begins the call, or between two.
    if (this.#direct !== undefined || !hasItems(made)) this.#unwatch();
  }

  #began(call: AnyStream): void {
    this.#call = call;
    // A generator may begin one after the other for ever.
    for (const earlier of this.#calls) {
      if (earlier.over) this.#calls.delete(earlier);
    }
    this.#calls.add(call);
    this.#begun.resolve();
    if (this.#givenUp !== undefined) call.cancel(this.#givenUp);
  }

  #cancelCalls(reason?: unknown): void {
    for (const call of this.#calls) call.cancel(reason);
  }

  #unlessGivenUp<T>(run: () => Promise<T>): Promise<T> {
    if (this.#givenUp !== undefined) return Promise.reject(this.#givenUp);
    return new Promise((resolve, reject) => {
      this.#pending.add(reject);
      run().then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  /** Whoever has it: what the interceptors give, or the call. @throws {TypeError} if nobody does */
  async #member<Name extends keyof AnyStream>(
    name: Name,
  ): Promise<AnyStream & Required<Pick<AnyStream, Name>>> {
    const made = await this.#made;
    if (has(made, name)) return made;
    // A generator begins the call with its first item.
    if (this.#call === undefined && hasItems(made)) {
      await this.#beginIterating();
    }
    if (has(this.#call, name)) return this.#call;
    throw new TypeError(
      `Cannot call ${this.#method}: its interceptors neither began it nor gave something with "${
        String(name)
      }"`,
    );
  }

  async #beginIterating(): Promise<void> {
    const first = this.#first ??= this.#ask();
    await Promise.race([this.#begun.promise, first.catch(() => {})]);
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    return this.#unlessGivenUp(async () =>
      await (await this.#member("send")).send(item)
    );
  }

  /** Says that no more follow. */
  end(): Promise<void> {
    return this.#unlessGivenUp(async () =>
      await (await this.#member("end")).end()
    );
  }

  /** Cancels the call, now or as soon as it begins. */
  cancel(reason?: unknown): void {
    if (this.#direct !== undefined) return this.#direct.cancel(reason);
    this.#givenUp ??= abortError(
      this.#method,
      reason,
      this.#call === undefined ? "no" : "maybe",
    );
    this.#unwatch();
    for (const reject of this.#pending) reject(this.#givenUp);
    this.#cancelCalls(reason);
    this.#leave();
    this.#made.then((made) => {
      if (has(made, "cancel")) made.cancel(reason);
    }).catch(() => {}); // what it failed with, others are told
  }

  /** Cancels what is not finished. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  /** Items, once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () => {
        if (this.#left) return Promise.resolve(DONE);
        return this.#unlessGivenUp(() => this.#next());
      },
      return: (value) => {
        this.#left = true;
        this.cancel();
        this.#leave();
        return Promise.resolve({ done: true, value });
      },
    };
  }

  async #next(): Promise<IteratorResult<unknown>> {
    const first = this.#first;
    this.#first = undefined;
    return await (first ?? this.#ask());
  }

  async #ask(): Promise<IteratorResult<unknown>> {
    let ended = true;
    try {
      const next = await (await this.#items()).next();
      ended = next.done === true;
      return next;
    } finally {
      if (ended) this.#unwatch();
    }
  }

  #items(): Promise<AsyncIterator<unknown>> {
    return this.#iterator ??= this.#iterate();
  }

  async #iterate(): Promise<AsyncIterator<unknown>> {
    const made = await this.#made;
    return hasItems(made) && !(Symbol.asyncIterator in made)
      ? fromSync(made[Symbol.iterator]())
      : (await this.#member(Symbol.asyncIterator))[Symbol.asyncIterator]();
  }

  /** The interceptor's own generator cleans up; nobody waits for it. */
  #leave(): void {
    (async () => await (await this.#iterator)?.return?.())().catch(() => {});
  }
}

const NOTHING: Promise<unknown> = Promise.resolve();

function has<Name extends keyof AnyStream>(
  value: unknown,
  name: Name,
): value is AnyStream & Required<Pick<AnyStream, Name>> {
  return typeof value === "object" && value !== null && name in value;
}

/** An interceptor may answer with what it has at hand, promises among it. */
function fromSync(iterator: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    async next() {
      const { done, value } = iterator.next();
      return done ? DONE : { done: false, value: await value };
    },
    return: () => Promise.resolve(iterator.return?.() ?? DONE),
  };
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined };
