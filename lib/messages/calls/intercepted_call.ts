/**
 * A call that goes through interceptors.
 *
 * @module
 */
import { markForeign, rejectedWhereAwaited } from "../errors/call_stack.ts";
import { endedWithSession, mayBeUnawaited } from "../errors/unawaited.ts";
import { isAsyncIterable } from "../streams/item_pump.ts";
import { ItemReader } from "../streams/item_reader.ts";
import type { CallOptions, Items } from "../protocol/client_types.ts";
import { checkMembers, type OptionNames } from "../support/check_options.ts";
import { CallError, type Processed } from "../errors/call_error.ts";
import type {
  AttemptDetails,
  AttemptRequest,
  CallResponse,
  Interceptor,
  OutgoingRequest,
} from "./interceptor.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import type { ObservedCall } from "../observe/observed_call.ts";
import type { MethodInfo } from "../session/wire/hello.ts";
import {
  abortError,
  type CallFollower,
  type PendingCall,
  sendRefused,
} from "./pending_call.ts";
import { SentItems } from "./sent_items.ts";

/** Maker of calls of one method. */
export interface CallMaker {
  /** The method. */
  readonly info: MethodInfo;
  /** Interceptors around each call, outermost first. */
  readonly interceptors: readonly Interceptor[];
  /** The only call, if it is observed. */
  readonly observed: ObservedCall | undefined;
  /**
   * Checks the options of a call.
   *
   * @throws {TypeError} if an option is unknown
   * @throws {RangeError} if the timeout is not above 0
   */
  check(options: CallOptions): void;
  /**
   * Returns the signal that cancels a call with these options.
   *
   * @throws {CallError} if it is aborted already
   * @throws {TypeError} if the option is not a signal
   */
  signal(options: CallOptions): AbortSignal | undefined;
  /** Starts a call of any shape except `notification`. */
  begin(
    input: unknown,
    options: CallOptions,
    follower?: CallFollower,
    details?: AttemptDetails,
  ): PendingCall;
  /** Sends a notification. */
  notify(input: unknown, options: CallOptions): Promise<void>;
}

/**
 * A call that goes through interceptors: runs them, and is the stream that the
 * caller holds.
 *
 * One signal ends the call. The caller's signal and `cancel()` abort it; every
 * attempt and every promise that the caller waits for listens to it; and no
 * attempt begins once it is aborted or the call has ended.
 */
export class InterceptedCall implements AsyncDisposable {
  /** Promise of the output; exists if the call receives no items. */
  readonly result: Promise<unknown> | undefined;
  readonly #maker: CallMaker;
  readonly #controller: AbortController = new AbortController();
  #signal: AbortSignal = this.#controller.signal;
  /** Error that the caller receives because the signal was aborted. */
  #aborted: CallError | undefined = undefined;
  /** Attempts in progress; ended ones are removed later. */
  readonly #attempts: Set<PendingCall> = new Set();
  /** Whether a callee may have handled an earlier attempt. */
  #maybeProcessed = false;
  readonly #response: Promise<CallResponse>;
  /** Iterator over the items of the response. */
  #items: AsyncIterator<unknown> | undefined = undefined;
  /** Items that the caller sends with `send()`. */
  #sent: SentItems | undefined = undefined;
  /** Whether the caller has read the last item, or left the loop. */
  #left = false;
  /** Whether a pending read throws a failure: only one does, and none after `return()`. */
  #throws = true;
  #failure: { readonly error: unknown } | undefined = undefined;
  /** Whether the call has ended; no attempt begins after that. */
  #ended = false;

  /**
   * Runs the interceptors.
   *
   * @param maker makes the attempts
   * @param input the input of the call, or the items to send
   * @param options options for the call
   * @param earlier an attempt that was made before
   */
  constructor(
    maker: CallMaker,
    input: unknown,
    options: CallOptions,
    earlier?: PendingCall,
  ) {
    this.#maker = maker;
    if (earlier !== undefined) this.#attempts.add(earlier);
    const { shape } = maker.info;
    this.#response = this.#run(input, options);
    this.#response.catch(() => {}); // the promises that the caller holds reject
    if (maker.observed !== undefined) this.#observeAbort(maker.observed);
    this.result = receivesItems(shape) ? undefined : this.#unlessAborted(
      () => this.#response.then(outputOf),
      sendsItems(shape), // its failures are also those of `send()`
    );
  }

  /** Ends the observation on an abort, even if nothing is read. */
  #observeAbort(observed: ObservedCall): void {
    const signal = this.#signal;
    const abort = () =>
      queueMicrotask(() => {
        if (observed.ended) return;
        observed.givenUp();
        observed.end(this.#abortedError());
      });
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    observed.onEnd(() => signal.removeEventListener("abort", abort));
  }

  // ── interceptors and attempts ──────────────────────────────────────────

  async #run(input: unknown, options: CallOptions): Promise<CallResponse> {
    const { name: method, shape } = this.#maker.info;
    try {
      this.#maker.check(options);
      const own = this.#maker.signal(options);
      if (own !== undefined) {
        this.#signal = AbortSignal.any([own, this.#signal]);
      }
      const sends = sendsItems(shape);
      if (sends && input === undefined) {
        this.#sent = new SentItems((why) => this.#refusal(why));
      }
      const response = await this.#step(0, {
        method,
        shape,
        input: sends ? undefined : input,
        items: sends ? this.#sent ?? input as Items<unknown> : undefined, // each attempt checks it
        options: { ...options, signal: this.#signal },
      });
      if ("items" in response) {
        this.#items = response.items[Symbol.asyncIterator]();
      } else this.#finish();
      return response;
    } catch (error) {
      this.#finish({ error });
      throw error;
    }
  }

  /** Runs the interceptor with this index; makes an attempt after the last one. */
  async #step(
    index: number,
    request: OutgoingRequest,
    before = request,
  ): Promise<CallResponse> {
    const { info, interceptors } = this.#maker;
    if (request !== before) checkRequest(info, request);
    const interceptor = interceptors[index];
    if (interceptor === undefined) {
      try {
        return await this.#attempt(request);
      } catch (error) {
        // The frames of interceptors may leave no room for the caller's.
        throw error instanceof CallError ? markForeign(error) : error;
      }
    }
    const returned: unknown = await interceptor(
      request,
      (next) => this.#step(index + 1, next, request),
    );
    return checkResponse(info, returned);
  }

  async #attempt(request: AttemptRequest): Promise<CallResponse> {
    const { input, items, options } = request;
    const { info: { name, shape } } = this.#maker;
    if (this.#ended) {
      throw new CallError(`Cannot call ${name} again: the call has ended`, {
        code: "cancelled",
        method: name,
        processed: "no",
      });
    }
    const metadata: Record<string, string> = Object.create(null);
    const attempted: CallOptions = {
      ...options,
      signal: this.#attemptSignal(options.signal),
      onMetadata(received) {
        Object.assign(metadata, received);
        return options.onMetadata?.(received);
      },
    };
    if (shape === "notification") {
      this.#maybeProcessed ||= !this.#signal.aborted;
      await this.#maker.notify(input, attempted);
      return marked({ shape, metadata });
    }
    const call = sendsItems(shape)
      ? this.#beginSending(items, attempted, request)
      : this.#begin(input, attempted, request);
    if (shape === "unary" || shape === "clientStream") {
      return marked({ shape, metadata, output: await call.result });
    }
    if (call.failure !== undefined) throw call.failure.error;
    return marked({ shape, metadata, items: call[Symbol.asyncIterator]() });
  }

  #begin(
    input: unknown,
    options: CallOptions,
    details: AttemptDetails,
  ): PendingCall {
    const call = this.#maker.begin(input, options, undefined, details);
    this.#removeEnded();
    this.#attempts.add(call);
    return call;
  }

  #beginSending(
    items: unknown,
    options: CallOptions,
    details: AttemptDetails,
  ): PendingCall {
    const sent = this.#sent;
    // Only callers may omit the items, to use send().
    if (items !== sent || sent === undefined) {
      return this.#begin(items ?? null, options, details);
    }
    sent.checkUnused();
    const call = this.#begin(undefined, options, details);
    if (call.failure === undefined) sent.sendTo(call);
    return call;
  }

  /** Returns a signal that also ends the attempt with the call. */
  #attemptSignal(own: AbortSignal | undefined): AbortSignal | undefined {
    if (own === undefined || own === this.#signal) return this.#signal;
    return own instanceof AbortSignal
      ? AbortSignal.any([own, this.#signal])
      : own; // not a signal, which fails the attempt
  }

  #removeEnded(): void {
    for (const attempt of this.#attempts) {
      if (!attempt.ended) continue;
      this.#attempts.delete(attempt);
      this.#maybeProcessed ||= attempt.failure?.processed !== "no";
    }
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /** Called when the call ends, with the error if it failed. */
  #finish(failure?: { readonly error: unknown }): void {
    this.#failure ??= failure;
    this.#ended = true;
    if (!this.#signal.aborted) this.#maker.observed?.end(failure?.error);
    for (const attempt of this.#attempts) {
      if (failure !== undefined) attempt.giveUp(failure.error);
      else if (!attempt.ended) attempt.cancel();
    }
    this.#sent?.close();
  }

  /** Ends the iteration over the items. */
  #leave(failure?: { readonly error: unknown }): void {
    this.#left = true;
    this.#closeItems();
    this.#finish(failure);
  }

  /** Closes an interceptor's generator, so that it cleans up; does not wait. */
  #closeItems(): void {
    (async () => await this.#items?.return?.())().catch(() => {});
  }

  /** Cancels the call, now or as soon as it starts. */
  cancel(reason?: unknown): void {
    this.#controller.abort(reason);
    // Items that have arrived can still be read if the attempt has ended.
    if (!(this.#items instanceof ItemReader)) this.#closeItems();
  }

  /** Cancels the call if it has not ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  #abortedError(): CallError {
    if (this.#aborted !== undefined) return this.#aborted;
    this.#removeEnded();
    const maybe = this.#maybeProcessed || this.#attempts.size > 0;
    const processed: Processed = maybe ? "maybe" : "no";
    const { name } = this.#maker.info;
    return this.#aborted = markForeign(
      abortError(name, this.#signal.reason, processed),
    );
  }

  /**
   * Returns a promise that also rejects when the signal is aborted.
   *
   * @param unawaited whether the caller need not await it
   */
  #unlessAborted<T>(run: () => Promise<T>, unawaited = false): Promise<T> {
    const signal = this.#signal;
    const result = new Promise<T>((resolve) => {
      let failed = false;
      const fail = (error: unknown) => {
        if (failed) return; // a second promise would have an unhandled rejection
        failed = true;
        const ignorable = unawaited || endedWithSession(error);
        resolve(rejectedWhereAwaited(error, ignorable ? result : undefined));
      };
      // Attempts listen to the signal too. They know first whether they were
      // processed, so the error is created after them.
      const abort = () => queueMicrotask(() => fail(this.#abortedError()));
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      run().then(resolve, fail).finally(() =>
        signal.removeEventListener("abort", abort)
      );
    });
    return result;
  }

  // ── items ──────────────────────────────────────────────────────────────

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    const sent = this.#sent;
    return sent === undefined
      ? Promise.reject(this.#refusal("its items were passed to the call"))
      : mayBeUnawaited(this.#unlessAborted(() => sent.send(item)));
  }

  /** Ends the stream of items to send. */
  end(): Promise<void> {
    return mayBeUnawaited(
      this.#unlessAborted(async () => await this.#sent?.end()),
    );
  }

  /** Returns the error for an item that cannot be sent. */
  #refusal(why: string): unknown {
    let failure = this.#failure;
    for (const attempt of this.#attempts) failure ??= attempt.failure;
    return failure === undefined
      ? sendRefused(this.#maker.info.name, why)
      : failure.error;
  }

  /** Returns an iterator over the received items, which can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return {
      next: () =>
        this.#left ? Promise.resolve(DONE) : mayBeUnawaited(this.#next()),
      return: (value) => {
        this.#throws = false;
        if (!this.#left) this.#maker.observed?.left();
        this.#leave();
        this.cancel();
        return Promise.resolve({ done: true, value });
      },
    };
  }

  async #next(): Promise<IteratorResult<unknown>> {
    try {
      const items = this.#items ?? await this.#unlessAborted(async () => {
        await this.#response;
        return this.#items!; // set with a response that has items
      });
      const next = items instanceof ItemReader
        ? await items.next() // ends by itself when the signal is aborted
        : await this.#unlessAborted(async () => await items.next());
      if (next.done) this.#leave();
      return next;
    } catch (error) {
      if (!this.#throws) return DONE;
      this.#throws = false;
      this.#leave({ error });
      throw error;
    }
  }
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined };

/** Mark of a response; a copy made by spreading has it too. */
const RESPONSE = /* @__PURE__ */ Symbol("response of next()");

/** Marks a response; users do not see the type of the mark. */
function marked<Response extends CallResponse>(response: Response) {
  return { ...response, [RESPONSE]: true };
}

const REQUEST: OptionNames<AttemptRequest> = {
  method: true,
  shape: true,
  input: true,
  items: true,
  options: true,
  attempt: true,
  once: true,
  progress: true,
};

const METADATA = { shape: true, metadata: true } as const; // the names are all that is used
const OUTPUT = { ...METADATA, output: true } as const; // as above
const ITEMS = { ...METADATA, items: true } as const; // as above

/** @throws {TypeError} if an interceptor passes something else than a request to `next()` */
function checkRequest({ name, shape }: MethodInfo, value: unknown): void {
  const request: Partial<OutgoingRequest> = Object(value);
  if (request !== value || Object(request.options) !== request.options) {
    throw new TypeError(
      `Cannot call ${name}: an interceptor must pass the request to next(), or a copy of it such as { ...request, options }`,
    );
  }
  checkMembers(`the request of ${name}`, request, REQUEST);
  const { method = name, shape: given = shape } = request;
  if (method !== name || given !== shape) {
    throw new TypeError(
      `Cannot call ${name}: an interceptor cannot change the method or its shape; call the other method instead`,
    );
  }
  const unused = sendsItems(shape) ? "input" : "items";
  if (request[unused] === undefined) return;
  throw new TypeError(
    `Cannot call ${name}: an interceptor passed "${unused}" to next(), which calls of shape ${shape} do not have`,
  );
}

/** @throws {TypeError} if an interceptor returned something else than a response */
function checkResponse(
  { name, shape }: MethodInfo,
  value: unknown,
): CallResponse {
  if (!isResponse(value) || value.shape !== shape) {
    throw new TypeError(
      `Cannot call ${name}: an interceptor must return the response of next(), or a copy of it such as { ...response, output } or { ...response, items }`,
    );
  }
  if ("items" in value && !isAsyncIterable(value.items)) {
    throw new TypeError(
      `Cannot call ${name}: the items that an interceptor returns must be an async iterable`,
    );
  }
  const known = receivesItems(shape)
    ? ITEMS
    : shape === "notification"
    ? METADATA
    : OUTPUT;
  checkMembers(`the response of ${name}`, value, known);
  return value;
}

function isResponse(value: unknown): value is CallResponse {
  return typeof value === "object" && value !== null && RESPONSE in value;
}

function outputOf(response: CallResponse): unknown {
  return "output" in response ? response.output : undefined;
}
