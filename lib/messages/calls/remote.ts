/**
 * Builds the object whose methods call the other side.
 *
 * @module
 */
import { CallAttempts } from "./call_attempts.ts";
import { buildTree } from "../protocol/method_tree.ts";
import { type BegunStream, InterceptedStream } from "./intercepted_stream.ts";
import { hasItems } from "../streams/item_pump.ts";
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

/** A place to call from. */
export interface CallSite {
  /** The session to call through, or why there is none. @throws {CallError} */
  link(): CallSession;
  /** Milliseconds that calls from here may take at most, `Infinity` without such a bound. */
  timeLeft(): number;
  /** Options that hold for every call from here. */
  readonly defaults: CallOptions;
  /** What sees every call from here, the first outermost. */
  readonly interceptors: readonly Interceptor[];
}

/** The methods of a side, as functions in nested groups. */
export function buildRemote(
  methods: readonly BoundMethod[],
  site: CallSite,
): object {
  return buildTree(methods, (bound, index) => {
    const info: MethodInfo = {
      name: bound.name,
      shape: bound.method.shape,
      hash: bound.hash,
    };
    const target: Target = { index, info, bound, site };
    const begin = BEGIN[info.shape];
    if (site.interceptors.length === 0) {
      return (input?: unknown, options?: CallOptions) =>
        begin(target, input, options ?? NO_OPTIONS);
    }
    return (input?: unknown, options?: CallOptions) =>
      intercept(target, input, options ?? NO_OPTIONS);
  });
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

/** Interceptors stand around the call like the skins of an onion. */
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
  let began = (_call: unknown) => {};
  function step(index: number, current: OutgoingRequest): unknown {
    const interceptor = site.interceptors[index];
    if (interceptor !== undefined) {
      return interceptor(current, (next) => step(index + 1, next));
    }
    const { input, options } = current;
    const call = BEGIN[info.shape](target, input, attempts.begin(options));
    began(call);
    return call;
  }
  const signal = watched(target, options);
  if (sendsItems(info.shape) || receivesItems(info.shape)) {
    return InterceptedStream.begin(info.name, attempts, signal, (tell) => {
      began = (call) => tell(call as BegunStream); // of these shapes
      return step(0, request);
    });
  }
  return unlessAborted(attempts, signal, () => step(0, request));
}

/** An interceptor may wait for long, but no caller whose signal fires. */
function unlessAborted(
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
    if (signal.aborted) abort(); // by an interceptor
    outcome.then(resolve, reject)
      .finally(() => signal.removeEventListener("abort", abort));
  });
}

function beginUnary(
  target: Target,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  const progress = new PendingUnary(target.info.name);
  open(target, { progress, value: input, hasValue: true, options });
  return progress.promise;
}

function beginServerStream(
  target: Target,
  input: unknown,
  options: CallOptions,
): unknown {
  const progress = new PendingItemStream(target.info.name);
  open(target, { progress, value: input, hasValue: true, options });
  return progress;
}

function beginUpload(
  target: Target,
  progress: PendingUpload | PendingConversation,
  { items, options }: { items: unknown; options: CallOptions },
): unknown {
  try {
    checkItems(target, items);
  } catch (error) {
    progress.rejected(error);
    return progress;
  }
  const opening = "opening" in options ? options.opening : undefined;
  const hasValue = opening !== undefined;
  open(target, { progress, value: opening, hasValue, options });
  if (items !== undefined) progress.feed(items);
  return progress;
}

/** @throws {TypeError} for what has no items; whatever its own code throws when it is asked */
function checkItems(
  { info }: Target,
  items: unknown,
): asserts items is Items<unknown> | undefined {
  if (items === undefined || hasItems(items)) return;
  throw new TypeError(
    `Cannot call ${info.name}: its items must be an iterable or an async iterable; leave them out to use send()`,
  );
}

interface Opening {
  readonly progress: PendingCall;
  readonly value: unknown;
  readonly hasValue: boolean;
  readonly options: CallOptions;
}

/** Begins the call. What keeps it from beginning it fails with, like everything that comes later. */
function open(target: Target, opening: Opening): void {
  const { progress, options } = opening;
  try {
    const link = target.site.link();
    const signal = signalOf(target, options);
    const call = link.session.call({
      method: target.index,
      info: target.info,
      value: opening.value,
      hasValue: opening.hasValue,
      timeout: timeoutOf(target, options),
      fields: fieldsOf(options, link),
      observer: progress,
    }, link.now());
    progress.opened(call, link, { signal, onMetadata: options.onMetadata });
    link.touched();
  } catch (error) {
    progress.rejected(error);
  }
}

/**
 * @throws {CallError} if the call was cancelled before it began
 * @throws {TypeError} for what is no signal
 */
function signalOf(
  { info, site }: Target,
  { signal: own }: CallOptions,
): AbortSignal | undefined {
  if (own !== undefined) checkSignal(info.name, own);
  const signal = anySignal(own, site);
  if (signal?.aborted) throw abortError(info.name, signal.reason);
  return signal;
}

/** What ends the waiting for interceptors. What is no signal, the call itself refuses. */
function watched(
  { site }: Target,
  { signal }: CallOptions,
): AbortSignal | undefined {
  return anySignal(signal instanceof AbortSignal ? signal : undefined, site);
}

/** @throws {TypeError} for what is no signal */
function checkSignal(method: string, signal: unknown): void {
  if (signal instanceof AbortSignal) return;
  throw new TypeError(
    `Cannot call ${method}: its signal must be an AbortSignal, or left out; it is of type ${typeof signal}`,
  );
}

/** The call's own, and that of the one on whose behalf it is made. */
function anySignal(
  one: AbortSignal | undefined,
  { defaults: { signal: other } }: CallSite,
): AbortSignal | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return AbortSignal.any([one, other]);
}

/** What the call asks for, else what the method declares, else what holds here; a call made on behalf of another never outlasts it. */
function timeoutOf({ bound, site }: Target, options: CallOptions): number {
  const asked = options.timeout ?? bound.method.timeout ??
    site.defaults.timeout ?? Infinity;
  if (!(asked > 0)) {
    throw new RangeError(
      `Cannot call ${bound.name} with a timeout of ${asked}: it must be more than 0 ms, or left out`,
    );
  }
  const timeout = Math.min(asked, site.timeLeft());
  return timeout < 2 ** 32 ? timeout : Infinity; // the wire has 32 bits for it
}

function fieldsOf(options: CallOptions, link: CallSession): Uint8Array {
  return options.metadata === undefined
    ? NO_FIELDS
    : metadataField(options.metadata, link.session.limits.maxMetadata);
}

function notify(
  target: Target,
  input: unknown,
  options: CallOptions,
): Promise<void> {
  try {
    signalOf(target, options);
    const link = target.site.link();
    link.session.notify({
      method: target.index,
      info: target.info,
      value: input,
      hasValue: true,
      fields: fieldsOf(options, link),
    }, link.now());
    return link.accepted();
  } catch (error) {
    return Promise.reject(error);
  }
}
