/**
 * The handling of a message: what calls and notifications have in common.
 *
 * @module
 */
import type { CallSession } from "../calls/pending_call.ts";
import type { DecodeBudget } from "../codec/message_codec.ts";
import {
  CallError,
  type CallErrorCode,
  type SessionError,
} from "../errors/call_error.ts";
import type { ObservedCall } from "../observe/observed_call.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import type { OnceRuns } from "../once/once_runs.ts";
import type { Metadata, Position } from "../session/wire/fields.ts";
import type { Shape } from "../session/wire/shape.ts";
import type { BoundHandler } from "./bind_handlers.ts";
import type { CallContext } from "./context.ts";
import { runMiddleware } from "./run_middleware.ts";
import type { SerialQueues, SerialTurn } from "./serial_queues.ts";
import { describeType } from "../../support/describe_type.ts";
import { isThenable } from "../support/thenable.ts";

/** The once calls of a server, for one of its sessions. */
export interface OnceHost {
  /** The calls of the server. */
  readonly runs: OnceRuns;
  /** Name of the principal of the session; `""` without authentication. */
  readonly principal: string;
  /** Name of the sessions whose calls share room in the store. */
  readonly group: string;
}

/** The session of a call or notification, which the handler receives. */
export interface HandlingHost extends CallSession {
  /** The time at which the clock of the session was read last. */
  readonly recent: number;
  /** Returns the current time of the session, in ms. */
  now(): number;
  /** Why the session drains or ended; `undefined` before that. */
  readonly drainReason: SessionError | undefined;
  /** Handlings to tell when the session drains or ends. */
  readonly watching: Set<Handling>;
  /** The messages of serial methods. */
  readonly serial: SerialQueues;
  /** The calls that run at most once; only servers have them. */
  readonly once: OnceHost | undefined;
  /** Charges what the session holds now. */
  charge(): void;
  /** Returns a remote for calls made on behalf of the given call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/** Receives what each decoded value holds; reused, since decoding is synchronous. */
const BUDGET: DecodeBudget = { held: 0 };

/** Bytes that may be counted in excess, to count rarely. */
const HELD_SLACK = 1024;

/** Codes of calls that ended without a response. */
const UNANSWERED: ReadonlySet<CallErrorCode> = new Set([
  "cancelled",
  "deadline",
  "disconnected",
  "unavailable", // the end of a drain
]);

/** Handling of a call or notification. */
export abstract class Handling<Host extends HandlingHost = HandlingHost> {
  /** Heap bytes that the decoded input and the metadata hold. */
  #heldInput = 0;
  /** Heap bytes that the last item holds. */
  #heldItem = 0;
  /** Validated input; `undefined` if the caller sends items. */
  input: unknown = undefined;
  /** Created on first use, which marks the handling. */
  #draining: AbortController | undefined = undefined;
  /** Whether the session calls `onDraining()`. */
  #watches = false;
  #turn: SerialTurn | undefined = undefined;
  /** The session that the handler receives. */
  readonly host: Host;
  /** The method and its handler. */
  protected readonly served: BoundHandler;
  /** The message, if it is observed. */
  protected readonly observed: ObservedCall | undefined;

  constructor(host: Host, served: BoundHandler, observed?: ObservedCall) {
    this.host = host;
    this.served = served;
    this.observed = observed;
  }

  /** Dotted name of the method. */
  get method(): string {
    return this.served.bound.name;
  }

  /** Declaration of the method. */
  get declaration(): MethodDeclaration {
    return this.served.bound.method;
  }

  /** Shape of the method. */
  get shape(): Shape {
    return this.served.bound.shape;
  }

  /** Unique name of a call that runs at most once; otherwise `""`. */
  abstract readonly key: string;
  /** Metadata that the caller sent. */
  abstract readonly metadata: Metadata;
  /** How often the message was sent before. */
  abstract readonly attempt: number;
  /** Position after which the stream continues; only calls have one. */
  get resumeFrom(): Position | undefined {
    return undefined;
  }

  /** Reason why the caller is no longer waiting for the result. */
  abstract readonly cancelled: CallError | undefined;
  /** Returns the milliseconds until the deadline; negative once it has passed. */
  abstract timeLeft(): number;
  /** Sets the metadata that is sent with the result. */
  abstract respondWith(metadata: Metadata): void;

  /** Aborted when the session drains or ends, unless the handler has settled. */
  get draining(): AbortSignal {
    if (this.#draining === undefined) {
      this.#draining = new AbortController();
      const reason = this.watchDrain();
      if (reason !== undefined) this.#draining.abort(reason);
    }
    return this.#draining.signal;
  }

  /**
   * Lets the session call `onDraining()`.
   *
   * @returns the reason if it drains already
   */
  protected watchDrain(): SessionError | undefined {
    const { drainReason, watching } = this.host;
    if (drainReason === undefined) watching.add(this);
    this.#watches = true;
    return drainReason;
  }

  /** Whether the handler or its middleware has read `context.draining`. */
  get readsDraining(): boolean {
    return this.#draining !== undefined;
  }

  /** Called when the session drains or ends; aborts `draining`. */
  onDraining(reason: SessionError): void {
    this.#draining?.abort(reason);
  }

  /** Reports an error whose details the peer must not receive. */
  report(thrown: unknown): IncidentReport {
    const { observed, host, method } = this;
    if (observed === undefined) return host.report(thrown, method);
    // The output of `onError` then belongs to the call.
    const report = observed.run(() => host.report(thrown, method));
    observed.incident = report.incident;
    return report;
  }

  /**
   * Returns the reason of the cancellation if it caused the error.
   *
   * A call made on behalf of the cancelled call ends for the same reason, but
   * independently: it often fails with its own error before the cancelled call's
   * signal is aborted.
   */
  ownErrorIn(thrown: unknown): CallError | undefined {
    const { cancelled } = this;
    if (cancelled === undefined || thrown === cancelled) return cancelled;
    const isCausedBy = thrown instanceof CallError &&
      (thrown.cause === cancelled || UNANSWERED.has(thrown.code));
    return isCausedBy ? cancelled : undefined;
  }

  /**
   * Runs a step, then the next; synchronous unless the result is a promise.
   *
   * Application code (a schema, middleware or a handler) returns the result.
   * Even reading it may throw, and an error that escapes would end the session.
   * The functions are methods, so a step allocates nothing.
   */
  protected step<Value>(
    run: (value: Value) => unknown,
    value: Value,
    next: (result: unknown) => void,
  ): void {
    let result: unknown;
    try {
      result = run.call(this, value);
      if (isThenable(result)) return this.#whenSettled(result, next);
    } catch (thrown) {
      return this.failed(thrown);
    }
    next.call(this, result);
  }

  /** Continues after a promise. Separate, so that only this allocates functions. */
  #whenSettled(
    result: PromiseLike<unknown>,
    next: (result: unknown) => void,
  ): void {
    Promise.resolve(result).then(
      (settled) => next.call(this, settled),
      (thrown) => this.failed(thrown),
    );
  }

  /**
   * Decodes the input, which counts as held until the handler settles.
   *
   * @throws {CodecError} if the body cannot be decoded
   */
  protected decodeInput(body: Uint8Array): unknown {
    const value = this.#decode(body);
    this.holdInput(BUDGET.held);
    return value;
  }

  /** Counts heap bytes as held until the handler settles. */
  protected holdInput(bytes: number): void {
    this.#heldInput += bytes;
    this.host.enter().incoming.holdInput(bytes);
  }

  /**
   * Decodes an item, which counts as held until the next one.
   *
   * @throws {CodecError} if the body cannot be decoded
   */
  protected decodeNextItem(body: Uint8Array): unknown {
    const value = this.#decode(body);
    const change = BUDGET.held - this.#heldItem;
    if (change > 0) this.host.enter().incoming.holdInput(change);
    else if (change > -HELD_SLACK) return value; // counts a little more
    else this.host.enter().incoming.releaseInput(-change);
    this.#heldItem = BUDGET.held;
    return value;
  }

  #decode(body: Uint8Array): unknown {
    BUDGET.held = body.length; // for codecs that do not measure their values
    return this.host.session.codec.decode(body, BUDGET);
  }

  /**
   * Releases what the session keeps for the handler, which has settled.
   *
   * @param now the current time, if the clock was just read
   */
  protected release(now?: number): void {
    if (this.#watches) this.host.watching.delete(this);
    const held = this.#heldInput + this.#heldItem;
    this.#heldInput = this.#heldItem = 0;
    this.host.enter(now).incoming.releaseInput(held);
  }

  /** Runs a step of a serial method when its turn comes. */
  protected inTurn(input: unknown, run: () => void): void {
    const { serial } = this.declaration;
    let key = this.method;
    try {
      // The declared type of the input is not known here.
      if (typeof serial === "function") key += keyOf(serial(input as never));
    } catch (thrown) {
      return this.failed(thrown);
    }
    this.#turn = { key, run };
    this.host.serial.enter(this.#turn);
  }

  /** Lets the next message of a serial method be handled. */
  protected endTurn(): void {
    const turn = this.#turn;
    this.#turn = undefined;
    if (turn !== undefined) this.host.serial.leave(turn);
  }

  /** Stops waiting for the turn; returns whether it had not come. */
  protected stopWaiting(): boolean {
    if (this.#turn === undefined || !this.host.serial.waits(this.#turn)) {
      return false;
    }
    this.endTurn();
    return true;
  }

  /** Called with what a step threw; no further step runs. */
  protected abstract failed(thrown: unknown): void;

  /** Runs the middleware, if any, and the handler. */
  protected run(argument: unknown, context: object): unknown {
    const { observed } = this;
    return observed?.runs // a closure for each call costs more than to ask
      ? observed.run(() => this.#run(argument, context))
      : this.#run(argument, context);
  }

  #run(argument: unknown, context: object): unknown {
    const { middleware } = this.served;
    return middleware === undefined
      ? this.handle(argument, context)
      : runMiddleware(
        middleware,
        context,
        (extended) => this.handle(argument, extended),
      );
  }

  /** Enters the handler. */
  protected handle(argument: unknown, context: object): unknown {
    return this.served.handler(argument, context);
  }
}

/** @throws {TypeError} if the function of a serial method returned no key */
function keyOf(key: unknown): string {
  if (typeof key === "string" || typeof key === "number") return `\n${key}`;
  throw new TypeError(
    `Cannot use ${
      describeType(key)
    } as the key of a serial method: expected a string or a number`,
  );
}
