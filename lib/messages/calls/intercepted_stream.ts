/**
 * A call with items that interceptors stand around: what the caller holds
 * while they wait, and whatever they give instead of the call itself.
 *
 * @module
 */
import type { CallAttempts } from "./call_attempts.ts";
import { hasItems } from "../streams/item_pump.ts";
import type { CallError } from "../errors/call_error.ts";

/** What calls with items can do; of the optional members a shape has some. */
export interface AnyStream {
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

/** The call itself. */
export interface BegunStream extends AnyStream {
  /** Whether it has ended. */
  readonly over: boolean;
  /** Told when it ends. */
  onOver: () => void;
}

/** Begins the call, by way of the interceptors; told of each call that is begun. */
export type InterceptedRun = (began: (call: BegunStream) => void) => unknown;

/**
 * Stands for the call. An interceptor that gives its own items (a generator
 * around those of the call) need not know how to cancel, send or end: what it
 * does not have is the call's, or with several attempts the last one's.
 */
export class InterceptedStream implements AsyncDisposable {
  /** Of the output. */
  result: Promise<unknown> = NOTHING;
  readonly #method: string;
  readonly #attempts: CallAttempts;
  /** Calls that the interceptors have begun. */
  readonly #begunCalls: WeakSet<object> = new WeakSet();
  /** Of those, the ones that have not ended. */
  readonly #live: Set<BegunStream> = new Set();
  readonly #begun: PromiseWithResolvers<void> = Promise.withResolvers();
  #call: AnyStream | undefined = undefined;
  /** What the interceptors give, sooner or later. */
  #made: Promise<unknown> = NOTHING;
  /** The call, where they give it as it is: there is nothing to stand for. */
  #direct: AnyStream | undefined = undefined;
  /** What is told when the caller gives up, whatever an interceptor waits for. */
  readonly #pending: Set<(error: CallError) => void> = new Set();
  /** The caller's, as long as it matters. */
  #signal: AbortSignal | undefined;
  /** Listens to it. */
  #onAbort: (() => void) | undefined = undefined;
  #left = false;
  #iterator: Promise<AsyncIterator<unknown>> | undefined = undefined;
  /** The first item, where it had to be asked for so that the call begins. */
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
   * Begins a call.
   *
   * @param method dotted name of the method
   * @param attempts what is begun for it
   * @param signal cancels it, however interceptors wait; once it has fired they are not even asked
   * @param run begins it
   * @returns what the caller holds: the call itself, where nothing stands around it
   */
  static begin(
    method: string,
    attempts: CallAttempts,
    signal: AbortSignal | undefined,
    run: InterceptedRun,
  ): unknown {
    const stream = new InterceptedStream(method, attempts, signal);
    let made: unknown;
    try {
      if (signal?.aborted) throw attempts.giveUp(signal.reason);
      made = run((call) => stream.#began(call));
    } catch (error) {
      made = Promise.reject(error);
    }
    if (made !== undefined && made === stream.#call) {
      stream.#ignoreSignal();
      return made;
    }
    stream.#wait(Promise.resolve(made));
    return stream;
  }

  #wait(made: Promise<unknown>): void {
    this.#made = made;
    made.then((made) => this.#stands(made)).catch(() => {
      this.#ignoreSignal();
      this.#cancelCalls(); // nobody is to have what was begun
    });
    this.result = this.#unlessGivenUp(async () =>
      await (await this.#member("result")).result
    );
    this.result.catch(() => {}); // as for a call that nobody has touched
  }

  /** The interceptors have decided what the caller gets. */
  #stands(made: unknown): void {
    if (!isOneOf(this.#begunCalls, made)) return;
    this.#direct = made;
    this.#ignoreSignal(); // the call looks for itself
  }

  #began(call: BegunStream): void {
    this.#call = call;
    this.#begunCalls.add(call);
    if (!call.over) {
      this.#live.add(call);
      call.onOver = () => {
        this.#live.delete(call);
        this.#unwatch();
      };
    }
    this.#begun.resolve();
    const { givenUp } = this.#attempts; // by the input, while it was encoded
    if (givenUp !== undefined) call.cancel(givenUp);
  }

  /** A signal may live for ever: it is listened to while somebody waits or a call goes on. */
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

  /** What the interceptors give. @throws {CallError} if the caller has given up: nothing is begun then */
  async #whatTheyMade(): Promise<unknown> {
    const made = await this.#made;
    const { givenUp } = this.#attempts;
    if (givenUp !== undefined) throw givenUp;
    return made;
  }

  /** Whoever has it: what the interceptors give, or the call. @throws {TypeError} if nobody does */
  async #member<Name extends keyof AnyStream>(
    name: Name,
  ): Promise<AnyStream & Required<Pick<AnyStream, Name>>> {
    const made = await this.#whatTheyMade();
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
    const givenUp = this.#attempts.giveUp(reason);
    this.#ignoreSignal();
    for (const reject of this.#pending) reject(givenUp);
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
    return await (await this.#items()).next();
  }

  #items(): Promise<AsyncIterator<unknown>> {
    return this.#iterator ??= this.#iterate();
  }

  async #iterate(): Promise<AsyncIterator<unknown>> {
    const made = await this.#whatTheyMade();
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

function isOneOf(
  calls: WeakSet<object>,
  made: unknown,
): made is BegunStream {
  return typeof made === "object" && made !== null && calls.has(made);
}

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
