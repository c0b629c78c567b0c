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

/** What an interceptor may have given: its own members count before the call's. */
type Made = Partial<AnyStream> & Partial<Iterable<unknown>>;

/** An {@linkcode InterceptedStream} is made of these. */
export interface InterceptedCall {
  /** Dotted name of the method. */
  readonly method: string;
  /** What the interceptors give, sooner or later. */
  readonly made: Promise<unknown>;
  /** The call as the innermost of them has begun it, if it has. */
  begun(): AnyStream | undefined;
}

/**
 * Stands for the call. An interceptor that gives its own items (a generator
 * around those of the call) need not know how to cancel, send or end: what it
 * does not have is the call's.
 */
export class InterceptedStream implements AsyncDisposable {
  /** Of the output. */
  readonly result: Promise<unknown>;
  readonly #call: InterceptedCall;
  /** What is told when the caller gives up, whatever an interceptor waits for. */
  readonly #pending: Set<(error: CallError) => void> = new Set();
  #givenUp: CallError | undefined = undefined;
  #iterator: Promise<AsyncIterator<unknown>> | undefined = undefined;

  constructor(call: InterceptedCall) {
    this.#call = call;
    this.result = this.#unlessGivenUp(
      this.#member("result").then(({ result }) => result),
    );
    this.result.catch(() => {}); // as for a call that nobody has touched
  }

  #unlessGivenUp<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#givenUp !== undefined) reject(this.#givenUp);
      else this.#pending.add(reject);
      promise.then(resolve, reject).finally(() => this.#pending.delete(reject));
    });
  }

  /** Whoever has it: what the interceptors give, or the call. @throws {TypeError} if nobody does */
  async #member<Name extends keyof AnyStream>(
    name: Name,
  ): Promise<AnyStream & Required<Pick<AnyStream, Name>>> {
    const { made, begun, method } = this.#call;
    for (const owner of [await made, begun()]) {
      if (isObject(owner) && name in owner) {
        return owner as AnyStream & Required<Pick<AnyStream, Name>>; // it has the member
      }
    }
    throw new TypeError(
      `Cannot call ${method}: its interceptors neither began it nor gave something with "${
        String(name)
      }"`,
    );
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    return this.#unlessGivenUp(
      this.#member("send").then((owner) => owner.send(item)),
    );
  }

  /** Says that no more follow. */
  end(): Promise<void> {
    return this.#unlessGivenUp(
      this.#member("end").then((owner) => owner.end()),
    );
  }

  /** Cancels the call, now or as soon as it begins. */
  cancel(reason?: unknown): void {
    const { method, made, begun } = this.#call;
    this.#givenUp ??= abortError(
      method,
      reason,
      begun() === undefined ? "no" : "maybe",
    );
    for (const reject of this.#pending) reject(this.#givenUp);
    const cancel = () => begun()?.cancel(reason);
    cancel();
    made.then((made) => {
      if (isObject(made)) made.cancel?.(reason);
      cancel();
    }).catch(() => {}); // what it failed with, others are told
  }

  /** Cancels what is not finished. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  /** Items, once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    const iterator = () => this.#iterator ??= this.#iterate();
    return {
      next: () => this.#unlessGivenUp(iterator().then((items) => items.next())),
      return: (value) => {
        this.cancel();
        this.#leave();
        return Promise.resolve({ done: true, value });
      },
    };
  }

  async #iterate(): Promise<AsyncIterator<unknown>> {
    const made = await this.#call.made;
    if (hasItems(made) && !(Symbol.asyncIterator in made)) {
      return fromSync(made[Symbol.iterator]());
    }
    return (await this.#member(Symbol.asyncIterator))[Symbol.asyncIterator]();
  }

  /** The interceptor's own generator cleans up; nobody waits for it. */
  #leave(): void {
    (async () => await (await this.#iterator)?.return?.())().catch(() => {});
  }
}

function isObject(value: unknown): value is Made {
  return typeof value === "object" && value !== null;
}

/** An interceptor may answer with what it has at hand. */
function fromSync(iterator: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    next: () => Promise.resolve(iterator.next()),
    return: () => Promise.resolve(iterator.return?.() ?? DONE),
  };
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined };
