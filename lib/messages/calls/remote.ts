/**
 * Builds the object whose methods call the peer.
 *
 * @module
 */
import { CallAttempts } from "./call_attempts.ts";
import { buildTree, lazyTree } from "../protocol/method_tree.ts";
import { InterceptedStream, type StartedStream } from "./intercepted_stream.ts";
import { isIterableObject } from "../streams/item_pump.ts";
import {
  abortError,
  type CallSession,
  type PendingCall,
  PendingUnary,
} from "./pending_call.ts";
import {
  PendingConversation,
  PendingItemStream,
  PendingUpload,
} from "./pending_streams.ts";
import type { CallOptions, Items } from "../protocol/client_types.ts";
import type { Interceptor, OutgoingRequest } from "./interceptor.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import { metadataField, NO_FIELDS } from "../session/wire/fields.ts";
import type { MethodInfo } from "../session/wire/hello.ts";

/** Origin of calls: a client, a server's session, or a call being handled. */
export interface CallSite {
  /**
   * Returns the session for a call.
   *
   * @throws {CallError} if there is no session
   */
  peer(): CallSession;
  /** Returns the longest time that a call may take, in ms; `Infinity` for no limit. */
  timeLeft(): number;
  /** Default options for every call. */
  readonly defaults: CallOptions;
  /** Interceptors around every call, outermost first. */
  readonly interceptors: readonly Interceptor[];
}

/** Returns functions that call the given methods, in nested groups. */
export function buildRemote(
  methods: readonly BoundMethod[],
  site: CallSite,
): object {
  return buildTree(methods, (bound, index) => caller(bound, index, site));
}

/** Like {@linkcode buildRemote}, but creates each function when it is read. */
export function lazyRemote(
  methods: readonly BoundMethod[],
  site: CallSite,
): object {
  return lazyTree(methods, (bound, index) => caller(bound, index, site));
}

/** Returns a function that calls one method. */
function caller(
  bound: BoundMethod,
  index: number,
  site: CallSite,
): (input?: unknown, options?: CallOptions) => unknown {
  const info: MethodInfo = {
    name: bound.name,
    shape: bound.method.shape,
    hash: bound.hash,
  };
  const target: Target = { index, info, bound, site };
  const begin = BEGIN[info.shape];
  if (site.interceptors.length === 0) {
    return (input, options) => begin(target, input, options ?? NO_OPTIONS);
  }
  return (input, options) => intercept(target, input, options ?? NO_OPTIONS);
}

const NO_OPTIONS: CallOptions = Object.freeze({});

interface Target {
  readonly index: number;
  readonly info: MethodInfo;
  readonly bound: BoundMethod;
  readonly site: CallSite;
}

type Begin = (target: Target, input: unknown, options: CallOptions) => unknown;

const BEGIN: Readonly<Record<Shape, Begin>> = {
  unary: beginUnary,
  notification: notify,
  serverStream: beginServerStream,
  clientStream: (target, items, options) =>
    beginUpload(target, new PendingUpload(target.info.name), {
      items,
      options,
    }),
  duplex: (target, items, options) =>
    beginUpload(target, new PendingConversation(target.info.name), {
      items,
      options,
    }),
};

/** Makes a call through the interceptors. */
function intercept(
  target: Target,
  input: unknown,
  options: CallOptions,
): unknown {
  const { info, site } = target;
  const request: OutgoingRequest = {
    method: info.name,
    shape: info.shape,
    input,
    options,
  };
  const attempts = new CallAttempts(info.name);
  let onStarted = (_call: unknown) => {};
  function step(index: number, current: OutgoingRequest): unknown {
    const interceptor = site.interceptors[index];
    if (interceptor !== undefined) {
      return interceptor(current, (next) => step(index + 1, next));
    }
    const { input, options } = current;
    const call = BEGIN[info.shape](target, input, attempts.begin(options));
    onStarted(call);
    return call;
  }
  const signal = callerSignal(target, options);
  if (sendsItems(info.shape) || receivesItems(info.shape)) {
    return InterceptedStream.begin(info.name, attempts, signal, (notify) => {
      onStarted = (call) => notify(call as StartedStream); // true for these shapes
      return step(0, request);
    });
  }
  return rejectOnAbort(attempts, signal, () => step(0, request));
}

/** Runs the interceptors; rejects as soon as the caller's signal is aborted. */
function rejectOnAbort(
  attempts: CallAttempts,
  signal: AbortSignal | undefined,
  run: () => unknown,
): Promise<unknown> {
  if (signal?.aborted) return Promise.reject(attempts.giveUp(signal.reason));
  const outcome = (async () => await run())();
  if (signal === undefined) return outcome;
  return new Promise((resolve, reject) => {
    const abort = () => reject(attempts.giveUp(signal.reason));
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort(); // an interceptor may have aborted it
    outcome.then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

function beginUnary(
  target: Target,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  const pending = new PendingUnary(target.info.name);
  open(target, { pending, value: input, hasValue: true, options });
  return pending.promise;
}

function beginServerStream(
  target: Target,
  input: unknown,
  options: CallOptions,
): unknown {
  const pending = new PendingItemStream(target.info.name);
  open(target, { pending, value: input, hasValue: true, options });
  return pending;
}

function beginUpload(
  target: Target,
  pending: PendingUpload | PendingConversation,
  { items, options }: { items: unknown; options: CallOptions },
): unknown {
  try {
    checkItems(target, items);
  } catch (error) {
    pending.rejected(error);
    return pending;
  }
  const opening = "opening" in options ? options.opening : undefined;
  const hasValue = opening !== undefined;
  open(target, { pending, value: opening, hasValue, options });
  if (items !== undefined) pending.feed(items);
  return pending;
}

/** @throws {TypeError} if the items are not iterable; also errors thrown by proxy traps */
function checkItems(
  { info }: Target,
  items: unknown,
): asserts items is Items<unknown> | undefined {
  if (items === undefined || isIterableObject(items)) return;
  throw new TypeError(
    `Cannot call ${info.name}: its items must be an iterable or an async iterable; omit them to use send()`,
  );
}

interface CallStart {
  readonly pending: PendingCall;
  readonly value: unknown;
  readonly hasValue: boolean;
  readonly options: CallOptions;
}

/** Starts the call; an error fails the call instead of being thrown. */
function open(target: Target, start: CallStart): void {
  const { pending, options } = start;
  try {
    const peer = target.site.peer();
    const signal = signalOf(target, options);
    const call = peer.enter().outgoing.open({
      method: target.index,
      info: target.info,
      value: start.value,
      hasValue: start.hasValue,
      timeout: timeoutOf(target, options),
      fields: fieldsOf(options, peer),
      observer: pending,
    });
    pending.opened(call, peer, { signal, onMetadata: options.onMetadata });
  } catch (error) {
    pending.rejected(error);
  }
}

/**
 * Returns the signal that cancels a call.
 *
 * @throws {CallError} if it is aborted already
 * @throws {TypeError} if the option is not a signal
 */
function signalOf(
  { info, site }: Target,
  { signal: own }: CallOptions,
): AbortSignal | undefined {
  if (own !== undefined) checkSignal(info.name, own);
  const signal = combineSignals(own, site);
  if (signal?.aborted) throw abortError(info.name, signal.reason);
  return signal;
}

/**
 * Returns the signal that ends the wait for interceptors.
 *
 * A `signal` option that is not an AbortSignal is ignored here; the call itself
 * rejects it.
 */
function callerSignal(
  { site }: Target,
  { signal }: CallOptions,
): AbortSignal | undefined {
  return combineSignals(
    signal instanceof AbortSignal ? signal : undefined,
    site,
  );
}

/** @throws {TypeError} if the value is not an AbortSignal */
function checkSignal(method: string, signal: unknown): void {
  if (signal instanceof AbortSignal) return;
  throw new TypeError(
    `Cannot call ${method}: its signal must be an AbortSignal or omitted, but has type ${typeof signal}`,
  );
}

/** Combines a call's own signal with the default signal of its site. */
function combineSignals(
  one: AbortSignal | undefined,
  { defaults: { signal: other } }: CallSite,
): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}

/**
 * Returns the timeout of a call, in ms.
 *
 * It comes from the call's options, otherwise from the method, otherwise from
 * the call site. A call that a handler makes through its context never outlasts
 * the call that it handles.
 *
 * @throws {RangeError} if the timeout is not above 0
 */
function timeoutOf({ bound, site }: Target, options: CallOptions): number {
  const asked = options.timeout ?? bound.method.timeout ??
    site.defaults.timeout ?? Infinity;
  if (!(asked > 0)) {
    throw new RangeError(
      `Cannot call ${bound.name} with a timeout of ${asked}: it must be above 0 ms or omitted`,
    );
  }
  const timeout = Math.min(asked, site.timeLeft());
  return timeout < 2 ** 32 ? timeout : Infinity; // the wire field has 32 bits
}

function fieldsOf(options: CallOptions, peer: CallSession): Uint8Array {
  return options.metadata === undefined
    ? NO_FIELDS
    : metadataField(options.metadata, peer.session.limits.maxMetadata);
}

function notify(
  target: Target,
  input: unknown,
  options: CallOptions,
): Promise<void> {
  try {
    signalOf(target, options);
    const peer = target.site.peer();
    peer.enter().outgoing.notify({
      method: target.index,
      info: target.info,
      value: input,
      hasValue: true,
      fields: fieldsOf(options, peer),
    });
    return peer.accepted();
  } catch (error) {
    return Promise.reject(error);
  }
}
