/**
 * Builds the object whose methods call the other side.
 *
 * @module
 */
import { buildTree } from "./_method_tree.ts";
import {
  abortError,
  type CallInProgress,
  type CallLink,
  ConversationInProgress,
  ItemStreamInProgress,
  UnaryInProgress,
  UploadInProgress,
} from "./_outgoing_call.ts";
import type { CallOptions, Items } from "./call_types.ts";
import type { Interceptor, OutgoingRequest } from "./interceptor.ts";
import type { Shape } from "./method_types.ts";
import type { BoundMethod } from "./protocol_types.ts";
import { metadataField, NO_FIELDS } from "./session/fields.ts";
import type { MethodInfo } from "./session/hello.ts";

/** A place to call from. */
export interface CallSite {
  /** The session to call through, or why there is none. @throws {CallError} */
  link(): CallLink;
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
    beginUpload(target, UploadInProgress, { items, options }),
  duplex: (target, items, options) =>
    beginUpload(target, ConversationInProgress, { items, options }),
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
  function step(index: number, current: OutgoingRequest): unknown {
    const interceptor = site.interceptors[index];
    return interceptor === undefined
      ? BEGIN[info.shape](target, current.input, current.options)
      : interceptor(current, (next) => step(index + 1, next));
  }
  return step(0, request);
}

function beginUnary(
  target: Target,
  input: unknown,
  options: CallOptions,
): Promise<unknown> {
  try {
    const link = target.site.link();
    const progress = new UnaryInProgress(link, target.info.name);
    open(target, { link, progress, value: input, hasValue: true, options });
    return progress.promise;
  } catch (error) {
    return Promise.reject(error);
  }
}

function beginServerStream(
  target: Target,
  input: unknown,
  options: CallOptions,
): unknown {
  const link = target.site.link();
  const progress = new ItemStreamInProgress(link, target.info.name);
  open(target, { link, progress, value: input, hasValue: true, options });
  return progress;
}

function beginUpload(
  target: Target,
  Progress: typeof UploadInProgress | typeof ConversationInProgress,
  { items, options }: { items: unknown; options: CallOptions },
): unknown {
  const link = target.site.link();
  const progress = new Progress(link, target.info.name);
  const opening = "opening" in options ? options.opening : undefined;
  const hasValue = opening !== undefined;
  open(target, { link, progress, value: opening, hasValue, options });
  if (items !== undefined) progress.feed(checkItems(items, target.info.name));
  return progress;
}

function checkItems(items: unknown, method: string): Items<unknown> {
  if (
    typeof items === "object" && items !== null &&
    (Symbol.asyncIterator in items || Symbol.iterator in items)
  ) return items as Items<unknown>; // it has one of the two iterators
  throw new TypeError(
    `Cannot call ${method}: its items must be an iterable or an async iterable; leave them out to use send()`,
  );
}

interface Opening {
  readonly link: CallLink;
  readonly progress: CallInProgress;
  readonly value: unknown;
  readonly hasValue: boolean;
  readonly options: CallOptions;
}

function open(target: Target, opening: Opening): void {
  const { link, progress, options } = opening;
  const { defaults } = target.site;
  const signal = joinSignals(options.signal, defaults.signal);
  if (signal?.aborted) throw abortError(target.info.name, signal.reason);
  const call = link.session.call({
    method: target.index,
    info: target.info,
    value: opening.value,
    hasValue: opening.hasValue,
    timeout: timeoutOf(target, options),
    fields: fieldsOf(options, link),
    observer: progress,
  }, link.now());
  progress.opened(call, { signal, onMetadata: options.onMetadata });
  link.touched();
}

function joinSignals(
  one: AbortSignal | undefined,
  other: AbortSignal | undefined,
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

function fieldsOf(options: CallOptions, link: CallLink): Uint8Array {
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
    if (options.signal?.aborted) {
      throw abortError(target.info.name, options.signal.reason);
    }
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
