/**
 * Builds the object whose methods call the peer.
 *
 * @module
 */
import { concat } from "@std/bytes/concat";
import { mayBeUnawaited } from "../errors/unawaited.ts";
import { buildTree, lazyTree } from "../protocol/method_tree.ts";
import { type CallMaker, InterceptedCall } from "./intercepted_call.ts";
import { isIterableObject } from "../streams/item_pump.ts";
import {
  abortError,
  type CallFollower,
  type CallSession,
  PendingCall,
} from "./pending_call.ts";
import { whenAccepted } from "./pending_notification.ts";
import { SENT } from "../streams/item_writer.ts";
import {
  checkOptions,
  type OptionNames,
  withInherited,
} from "../support/check_options.ts";
import type {
  AnyCallOptions,
  CallOptions,
  Items,
} from "../protocol/client_types.ts";
import type { AttemptDetails, Interceptor } from "./interceptor.ts";
import type {
  ObservableSession,
  ObservedCall,
} from "../observe/observed_call.ts";
import type { Observers } from "../observe/observers.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import { describeType } from "../../support/describe_type.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import { HEADER } from "../session/wire/frame_header.ts";
import { MAX_KEY } from "../session/wire/once_field.ts";
import type { OnceCalling } from "./once_calling.ts";
import {
  attemptField,
  metadataField,
  NO_FIELDS,
  type Position,
  resumeField,
} from "../session/wire/fields.ts";

/** Origin of calls: a client, a server's session, or a call being handled. */
export interface CallSite {
  /**
   * Returns the session for a call.
   *
   * @param info the method
   * @param input the input, or the items to send
   * @param options the options of the call
   * @throws {CallError} if there is no session
   */
  peer(info: BoundMethod, input: unknown, options: CallOptions): CallSession;
  /** Returns the longest time that a call may take, in ms; `Infinity` for no limit. */
  timeLeft(): number;
  /** Default options for every call. */
  readonly defaults: CallOptions;
  /** Interceptors around every call, outermost first. */
  readonly interceptors: readonly Interceptor[];
  /** Name of the protocol of every call. */
  readonly protocol: string;
  /** Observers of every call; `undefined` if there are none. */
  readonly observers?: Observers | undefined;
  /** The session of every call, if it is always the same. */
  readonly session?: ObservableSession | undefined;
  /** Identifies calls that run at most once. */
  readonly once?: OnceCalling | undefined;
  /** Lets unary calls begin without the interceptors, which is faster. */
  readonly direct?: DirectCalls | undefined;
}

/** Unary calls that need interceptors only after their first attempt. */
export interface DirectCalls {
  /** Whether a call may begin now. */
  readonly ready: boolean;
  /** Called when a call has succeeded. */
  succeeded(): void;
  /** Returns the interceptor that continues a failed call, or `undefined`. */
  continued(
    info: BoundMethod,
    call: PendingCall,
    error: unknown,
  ): Interceptor | undefined;
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
  info: BoundMethod,
  index: number,
  site: CallSite,
): (input?: unknown, options?: CallOptions) => unknown {
  const plain = new RemoteMethod(info, index, site);
  const call = site.interceptors.length > 0
    ? intercepted(info, site)
    : direct(info);
  const { observers } = site;
  if (observers === undefined) {
    return (input, options) => call(plain, input, options ?? NO_OPTIONS);
  }
  // Such a call has one attempt, which does not need a maker of its own.
  const single = site.interceptors.length === 0 && info.shape === "unary";
  return (input, options = NO_OPTIONS) => {
    const observed = observers.call({
      side: "caller",
      protocol: site.protocol,
      method: info.name,
      methodOriginal: info.name,
      shape: info.shape,
      session: site.session,
      timeLeft: timeLeft(info, options, site),
      traceBytes: undefined,
      metadata: options.metadata,
    });
    if (single) {
      return plain.begin(input, options, observed, NO_DETAILS, observed).result;
    }
    const maker = observed === undefined
      ? plain
      : new RemoteMethod(info, index, site, observed);
    return call(maker, input, options);
  };
}

/** Makes a call, and returns what its caller receives. */
type MakeCall = (
  maker: RemoteMethod,
  input: unknown,
  options: CallOptions,
) => unknown;

/** Returns a function that makes calls without interceptors. */
function direct({ shape }: BoundMethod): MakeCall {
  switch (shape) {
    case "unary":
      return (maker, input, options) =>
        maker.begin(input, options, maker.observed).result;
    case "notification":
      return (maker, input, options) =>
        maker.notify(input, options, maker.observed);
    default:
      return (maker, input, options) =>
        maker.begin(input, options, maker.observed);
  }
}

/** Returns a function that makes calls through the site's interceptors. */
function intercepted(info: BoundMethod, site: CallSite): MakeCall {
  const stream = sendsItems(info.shape) || receivesItems(info.shape);
  // The identity of a call that runs at most once outlives its attempts.
  const mayBeDirect = info.shape === "unary" && !info.method.once;
  const direct = mayBeDirect ? site.direct : undefined;
  return (maker, input, options) => {
    // The options are copied, which would lose inherited ones.
    const given = withInherited(options);
    if (direct?.ready) {
      const first = new FirstAttempt(maker, input, given);
      return maker.begin(input, given, first).result;
    }
    const call = new InterceptedCall(maker, input, given);
    if (stream) return call;
    return info.shape === "notification" && call.result !== undefined
      ? mayBeUnawaited(call.result)
      : call.result;
  };
}

/** Returns the milliseconds that a call may take, if known. */
function timeLeft(
  { method }: BoundMethod,
  options: CallOptions,
  site: CallSite,
): number {
  const asked = options?.timeout ?? method.timeout ?? site.defaults.timeout;
  return Math.min(
    typeof asked === "number" ? asked : Infinity,
    site.timeLeft(),
  );
}

const NO_OPTIONS: CallOptions = /* @__PURE__ */ Object.freeze({});

/** Bytes of a frame before its body: length and header. */
const FRAME_HEAD = 4 + HEADER;

const NO_DETAILS: AttemptDetails = /* @__PURE__ */ Object.freeze({});

/** The options of a call. */
export const CALL_OPTIONS: OptionNames<CallOptions> = {
  signal: true,
  timeout: true,
  metadata: true,
  onMetadata: true,
  key: true,
};

/** The options of a call that sends items. */
const SENDING_OPTIONS: OptionNames<CallOptions & { opening: unknown }> = {
  ...CALL_OPTIONS,
  opening: true,
};

/** The options of a call of a server stream. */
const STREAM_OPTIONS: OptionNames<AnyCallOptions> = {
  ...CALL_OPTIONS,
  onGap: true,
  resume: true,
};

/** A method of the peer, called from one site. */
class RemoteMethod implements CallMaker {
  readonly info: BoundMethod;
  readonly #index: number;
  readonly #site: CallSite;
  /** The only call, if it is observed. */
  readonly observed: ObservedCall | undefined;

  constructor(
    info: BoundMethod,
    index: number,
    site: CallSite,
    observed?: ObservedCall,
  ) {
    this.info = info;
    this.#index = index;
    this.#site = site;
    this.observed = observed;
  }

  get interceptors(): readonly Interceptor[] {
    return this.#site.interceptors;
  }

  /** Makes unary calls without the interceptors; see {@linkcode CallSite}. */
  get direct(): DirectCalls | undefined {
    return this.#site.direct;
  }

  /** Returns a maker of the same calls that uses only one interceptor. */
  through(interceptor: Interceptor): RemoteMethod {
    const site = { ...this.#site, interceptors: [interceptor] };
    return new RemoteMethod(this.info, this.#index, site, this.observed);
  }

  /** Starts a call; an error fails the call instead of being thrown. */
  begin(
    input: unknown,
    options: CallOptions,
    follower?: CallFollower,
    details: AttemptDetails = NO_DETAILS,
    observed: ObservedCall | undefined = this.observed,
  ): PendingCall {
    const { info } = this;
    const { attempt = 0, once, progress } = details;
    const pending = new PendingCall(info, follower, observed);
    try {
      checkCallOptions(info, options);
      if (progress === undefined) checkNotResumed(info, options);
      const sends = sendsItems(info.shape);
      const items = sends ? checkItems(info, input) : undefined;
      const signal = this.signal(options);
      const peer = this.#site.peer(info, input, options);
      observed?.attempt(peer.observable, pending);
      const next = progress?.next(input, peer.session.features);
      const value = sends
        ? openingOf(options)
        : next === undefined
        ? input
        : next.input;
      const given = fieldsOf(
        options,
        peer,
        observed,
        attempt,
        next?.resumeFrom,
      );
      const described = traced(observed, given);
      // The call has just begun, unless interceptors have made other attempts.
      const session = observed !== undefined && follower === observed &&
          observed.session === peer.observable
        ? peer.enter(observed.begun)
        : peer.enter();
      const position = observed === undefined
        ? 0
        : session.shared.writer.position;
      const call = session.outgoing.open({
        method: this.#index,
        info,
        value,
        hasValue: value !== undefined || !sends,
        timeout: this.#timeout(options),
        fields: info.method.once
          ? this.#identified(described, value, options, peer, once)
          : described,
        observer: pending,
      });
      if (observed !== undefined) {
        const framed = session.shared.writer.position - position;
        // Only a request that is not queued has been framed.
        observed.sent(call.bytes.length || framed - FRAME_HEAD);
      }
      pending.opened(call, peer, options, signal, progress);
      if (items !== undefined) pending.feed(items);
    } catch (error) {
      pending.fail(error, "no");
    }
    return pending;
  }

  /** Returns the fields of a call that runs at most once. */
  #identified(
    fields: Uint8Array,
    value: unknown,
    { key = "" }: CallOptions,
    { session, outcomes }: CallSession,
    once = key === "" ? undefined : this.#site.once?.identity(key),
  ): Uint8Array {
    if (once === undefined) return fields; // the call is not repeated
    const { name } = this.info;
    const own = once.fields(name, value, session.codec, outcomes);
    return concat([own, fields]);
  }

  /** @inheritdoc */
  notify(
    input: unknown,
    options: CallOptions,
    ends?: Pick<ObservedCall, "end">,
  ): Promise<void> {
    try {
      checkCallOptions(this.info, options);
      const signal = this.signal(options);
      const { observed } = this;
      const peer = this.#site.peer(this.info, input, options);
      observed?.attempt(peer.observable, { sent: false }); // sent at most once
      const given = fieldsOf(options, peer, observed, 0);
      const session = peer.enter();
      const position = observed === undefined
        ? 0
        : session.shared.writer.position;
      const waiting = session.outgoing.notify({
        method: this.#index,
        info: this.info,
        value: input,
        hasValue: true,
        timeout: this.#timeout(options),
        fields: traced(observed, given),
      });
      if (observed !== undefined) {
        const framed = session.shared.writer.position - position;
        // One that is not framed yet waits in a queue.
        observed.sent(
          waiting?.bytes.length ?? Math.max(0, framed - FRAME_HEAD),
        );
      }
      if (waiting !== undefined) {
        return whenAccepted(waiting, peer, signal, ends);
      }
      ends?.end(undefined);
      return SENT;
    } catch (error) {
      ends?.end(error);
      return mayBeUnawaited(Promise.reject(error));
    }
  }

  /** @inheritdoc */
  check(options: CallOptions): void {
    checkCallOptions(this.info, options);
    this.#timeout(options);
  }

  /** Returns the signal that cancels a call: its own combined with the site's. */
  signal({ signal: own }: CallOptions): AbortSignal | undefined {
    const { name } = this.info;
    const other = this.#site.defaults.signal;
    const signal = own === undefined || other === undefined
      ? own ?? other
      : AbortSignal.any([own, other]);
    if (signal?.aborted) {
      this.observed?.givenUp();
      throw abortError(name, signal.reason);
    }
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
  #timeout(options: CallOptions): number {
    const { name, method } = this.info;
    const asked = options.timeout ?? method.timeout ??
      this.#site.defaults.timeout ?? Infinity;
    if (typeof asked !== "number" || !(asked > 0)) {
      throw new RangeError(
        `Cannot call ${name} with a timeout of ${asked}: it must be a number above 0 ms or omitted`,
      );
    }
    const timeout = Math.min(asked, this.#site.timeLeft());
    return timeout < 2 ** 32 ? timeout : Infinity; // the wire field has 32 bits
  }
}

/** The first attempt of a call that its site makes directly. */
class FirstAttempt implements CallFollower {
  readonly #maker: RemoteMethod;
  readonly #input: unknown;
  readonly #options: CallOptions;

  constructor(maker: RemoteMethod, input: unknown, options: CallOptions) {
    this.#maker = maker;
    this.#input = input;
    this.#options = options;
  }

  succeeded(): void {
    const { direct, observed } = this.#maker;
    direct?.succeeded();
    observed?.succeeded();
  }

  failed(call: PendingCall, error: unknown): Promise<unknown> | undefined {
    const { direct, info, observed } = this.#maker;
    const next = direct?.continued(info, call, error);
    if (next === undefined) return observed?.failed(call, error);
    const maker = this.#maker.through(next);
    return new InterceptedCall(maker, this.#input, this.#options, call).result;
  }
}

/** @throws {TypeError} if the options are not an object, or one is unknown */
function checkCallOptions(
  { name, shape, method }: BoundMethod,
  options: CallOptions,
): void {
  if (options === NO_OPTIONS) return;
  const known = sendsItems(shape)
    ? SENDING_OPTIONS
    : shape === "serverStream"
    ? STREAM_OPTIONS
    : CALL_OPTIONS;
  checkOptions(name, options, known);
  if (options.key !== undefined) checkKey(name, method, options.key);
  if (shape === "serverStream") checkStreamOptions(name, options);
}

/** @throws {TypeError} if an option is not a function */
function checkStreamOptions(
  name: string,
  { onGap, resume }: AnyCallOptions,
): void {
  for (const [option, value] of Object.entries({ onGap, resume })) {
    if (value === undefined || typeof value === "function") continue;
    throw new TypeError(
      `Cannot call ${name} with ${
        describeType(value)
      } as its option ${option}: expected a function`,
    );
  }
}

/** @throws {TypeError} if the stream cannot continue in another session */
function checkNotResumed(
  { name }: BoundMethod,
  { resume }: AnyCallOptions,
): void {
  if (resume === undefined) return;
  throw new TypeError(
    `Cannot call ${name} with the option resume through a session: its streams end with it; use the remote of a client made by createClient()`,
  );
}

/**
 * @throws {TypeError} if the method is not `once`, or the key is not a string
 * @throws {RangeError} if the key is empty or too long
 */
function checkKey(
  name: string,
  { once }: MethodDeclaration,
  key: unknown,
): void {
  if (!once) {
    throw new TypeError(
      `Cannot call ${name} with a key: the method is not declared once`,
    );
  }
  if (typeof key !== "string" || !key.isWellFormed()) {
    throw new TypeError(
      `Cannot call ${name} with ${
        describeType(key)
      } as its key: expected a string`,
    );
  }
  const { length } = new TextEncoder().encode(key);
  if (length >= 1 && length <= MAX_KEY) return;
  throw new RangeError(
    `Cannot call ${name} with a key of ${length} bytes: expected 1 to ${MAX_KEY}`,
  );
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

/** Returns the fields of a call with its trace context. */
function traced(
  observed: ObservedCall | undefined,
  given: Uint8Array,
): Uint8Array {
  const trace = observed?.traceField() ?? NO_FIELDS;
  if (trace.length === 0) return given;
  return given.length === 0 ? trace : concat([trace, given]);
}

function openingOf(options: CallOptions): unknown {
  return "opening" in options ? options.opening : undefined;
}

function fieldsOf(
  options: CallOptions,
  { session }: CallSession,
  observed: ObservedCall | undefined,
  attempt: number,
  resumeFrom?: Position,
): Uint8Array {
  const { maxMetadata } = session.limits;
  const metadata = observed === undefined
    ? options.metadata
    : observed.withInjected(options.metadata, maxMetadata);
  const described = metadata === undefined
    ? NO_FIELDS
    : metadataField(metadata, maxMetadata);
  if (attempt === 0 && resumeFrom === undefined) return described;
  return concat([
    attempt === 0 ? NO_FIELDS : attemptField(attempt),
    resumeFrom === undefined ? NO_FIELDS : resumeField(resumeFrom),
    described,
  ]);
}
