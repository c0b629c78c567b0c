/**
 * Builds the object whose methods call the peer.
 *
 * @module
 */
import { buildTree, lazyTree } from "../protocol/method_tree.ts";
import { InterceptedCall } from "./intercepted_call.ts";
import { isIterableObject } from "../streams/item_pump.ts";
import { abortError, type CallSession, PendingCall } from "./pending_call.ts";
import { checkOptions, type OptionNames } from "../support/check_options.ts";
import type { CallOptions, Items } from "../protocol/client_types.ts";
import type { Interceptor } from "./interceptor.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import { metadataField, NO_FIELDS } from "../session/wire/fields.ts";

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
  const target: Target = { index, bound, site };
  if (site.interceptors.length > 0) {
    return (input, options) => intercept(target, input, options ?? NO_OPTIONS);
  }
  switch (bound.shape) {
    case "unary":
      return (input, options) =>
        begin(target, input, options ?? NO_OPTIONS).result;
    case "notification":
      return (input, options) => notify(target, input, options ?? NO_OPTIONS);
    default:
      return (input, options) => begin(target, input, options ?? NO_OPTIONS);
  }
}

const NO_OPTIONS: CallOptions = Object.freeze({});

const CALL_OPTIONS: OptionNames<CallOptions & { opening: unknown }> = {
  signal: true,
  timeout: true,
  metadata: true,
  onMetadata: true,
  opening: true,
};

interface Target {
  readonly index: number;
  readonly bound: BoundMethod;
  readonly site: CallSite;
}

/** Makes a call through the interceptors. */
function intercept(
  target: Target,
  input: unknown,
  options: CallOptions,
): unknown {
  const { bound, site: { interceptors } } = target;
  const call = new InterceptedCall(
    {
      info: bound,
      interceptors,
      signal: (options) => callSignal(target, options),
      begin: (input, options) => begin(target, input, options),
      notify: (input, options) => notify(target, input, options),
    },
    input,
    options,
  );
  const stream = sendsItems(bound.shape) || receivesItems(bound.shape);
  return stream ? call : call.result;
}

/** Starts a call; an error fails the call instead of being thrown. */
function begin(
  target: Target,
  input: unknown,
  options: CallOptions,
): PendingCall {
  const { bound, site } = target;
  const pending = new PendingCall(bound);
  try {
    checkOptions(bound.name, options, CALL_OPTIONS);
    const items = sendsItems(bound.shape)
      ? checkItems(bound, input)
      : undefined;
    const value = sendsItems(bound.shape) ? openingOf(options) : input;
    const signal = callSignal(target, options);
    const peer = site.peer();
    const call = peer.enter().outgoing.open({
      method: target.index,
      info: bound,
      value,
      hasValue: value !== undefined || !sendsItems(bound.shape),
      timeout: timeoutOf(target, options),
      fields: fieldsOf(options, peer),
      observer: pending,
    });
    pending.opened(call, peer, { signal, onMetadata: options.onMetadata });
    if (items !== undefined) pending.feed(items);
  } catch (error) {
    pending.fail(error, "no");
  }
  return pending;
}

/** @throws {TypeError} if the items are not iterable; also errors thrown by proxy traps */
function checkItems(
  { name }: BoundMethod,
  items: unknown,
): Items<unknown> | undefined {
  if (items === undefined || isIterableObject(items)) return items;
  throw new TypeError(
    `Cannot call ${name}: its items must be an iterable or an async iterable; omit them to use send()`,
  );
}

function openingOf(options: CallOptions): unknown {
  return "opening" in options ? options.opening : undefined;
}

/**
 * Returns the signal that cancels a call: its own combined with its site's.
 *
 * @throws {CallError} if it is aborted already
 * @throws {TypeError} if the option is not a signal
 */
function callSignal(
  { bound: { name }, site }: Target,
  { signal: own }: CallOptions,
): AbortSignal | undefined {
  if (own !== undefined && !(own instanceof AbortSignal)) {
    throw new TypeError(
      `Cannot call ${name}: its signal must be an AbortSignal or omitted, but has type ${typeof own}`,
    );
  }
  const other = site.defaults.signal;
  const signal = own === undefined || other === undefined
    ? own ?? other
    : AbortSignal.any([own, other]);
  if (signal?.aborted) throw abortError(name, signal.reason);
  return signal;
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
    checkOptions(target.bound.name, options, CALL_OPTIONS);
    callSignal(target, options);
    const peer = target.site.peer();
    peer.enter().outgoing.notify({
      method: target.index,
      info: target.bound,
      value: input,
      hasValue: true,
      fields: fieldsOf(options, peer),
    });
    return peer.accepted();
  } catch (error) {
    return Promise.reject(error);
  }
}
