/**
 * Handling of one call of the other side's: body to value, validation,
 * middleware, handler, and what comes of it back to the session.
 *
 * ```text
 *  begin ─▶ decode ─▶ input's schema ─▶ middleware ─▶ handler ─▶ output's schema ─▶ respond
 *    └─────────┴────────────┴───────────────┴───────────┴──────────────┴─▶ fail
 * ```
 *
 * @module
 */
import {
  answerTo,
  comesOf,
  type FailedCall,
  internal,
  unsendable,
} from "./error_mapping.ts";
import { Context, type ContextSource } from "./context_impl.ts";
import { hasAsyncItems, ItemPump } from "../streams/item_pump.ts";
import { ItemReader } from "../streams/item_reader.ts";
import { ItemWriter } from "../streams/item_writer.ts";
import type { CallSession } from "../calls/pending_call.ts";
import { isThenable } from "../support/thenable.ts";
import type { Report } from "../errors/incident_report.ts";
import { type AnyMiddleware, runInside } from "./run_middleware.ts";
import { CallValues, checkOutput } from "./value_validation.ts";
import type { AnyHandler } from "./bind_handlers.ts";
import type { CallContext } from "./context.ts";
import { CallError, type CallErrorCode } from "../errors/call_error.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import type {
  CalleeObserver,
  CancelReason,
  IncomingCall,
} from "../session/calls/incoming_calls.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import {
  type Metadata,
  metadataField,
  NO_FIELDS,
} from "../session/wire/fields.ts";

/** A method with what handles it. */
export interface ServedHandler {
  /** The method. */
  readonly bound: BoundMethod;
  /** The handler. */
  readonly handler: AnyHandler;
}

/** What handling needs from the side that serves. */
export interface CallHandlingHost extends CallSession {
  /** The session, as handlers see it. */
  readonly publicSession: unknown;
  /** Around every handler. */
  readonly middleware: AnyMiddleware | undefined;
  /** The other side's methods, for calls on behalf of a call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

const CANCEL_CODES: Readonly<Record<CancelReason, CallErrorCode>> = {
  cancelled: "cancelled",
  deadline: "deadline",
  disconnected: "disconnected",
  drained: "unavailable",
};

/** Milliseconds that the deadlines of two sides may differ: both are kept in steps of 8. */
const CLOCK = 16;

/** One call that is being handled. */
export class CallHandling implements CalleeObserver, ContextSource, FailedCall {
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  /** @inheritdoc */
  entered = false;
  readonly #host: CallHandlingHost;
  readonly #call: IncomingCall;
  readonly #served: ServedHandler;
  #context: Context | undefined = undefined;
  #reader: ItemReader | undefined = undefined;
  #writer: ItemWriter | undefined = undefined;
  #pump: ItemPump | undefined = undefined;
  #fields: Uint8Array = NO_FIELDS;
  readonly #values: CallValues;
  #unsendable: CallError | undefined = undefined;

  constructor(
    host: CallHandlingHost,
    call: IncomingCall,
    served: ServedHandler,
  ) {
    this.#host = host;
    this.#call = call;
    this.#served = served;
    this.#values = new CallValues(this, host.session.codec);
  }

  // ── what the context and the answer ask ────────────────────────────────

  /** @inheritdoc */
  get method(): string {
    return this.#served.bound.name;
  }

  /** @inheritdoc */
  get declaration(): MethodDeclaration {
    return this.#served.bound.method;
  }

  /** @inheritdoc */
  get metadata(): Metadata {
    return this.#call.fields.metadata;
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#host.publicSession;
  }

  /** @inheritdoc */
  timeLeft(): number {
    return this.#call.deadlineAt - this.#host.now();
  }

  /** @inheritdoc */
  respondWith(metadata: Metadata): void {
    const { maxMetadata } = this.#host.session.limits;
    this.#fields = metadataField(metadata, maxMetadata);
  }

  /** @inheritdoc */
  remoteFor(context: CallContext<unknown, unknown>): unknown {
    return this.#host.remoteFor(context);
  }

  /** @inheritdoc */
  ownErrorIn(thrown: unknown): CallError | undefined {
    if (!(thrown instanceof CallError)) return undefined;
    if (thrown === this.#values.fault || thrown === this.#unsendable) {
      return thrown;
    }
    const { cancelled } = this;
    if (cancelled !== undefined) {
      return comesOf(cancelled, thrown) ? cancelled : undefined;
    }
    // A call on behalf of this one has had this one's time.
    const timeUp = thrown.code === "deadline" && this.timeLeft() <= CLOCK;
    return timeUp ? this.cancelled = this.#outOfTime() : undefined;
  }

  #outOfTime(): CallError {
    return new CallError(
      "deadline",
      `${this.method}: the time for the call ran out`,
      { processed: this.entered ? "maybe" : "no" },
    );
  }

  /** @inheritdoc */
  report(thrown: unknown): Report {
    return this.#host.report(thrown, this.method);
  }

  // ── what the session tells ─────────────────────────────────────────────

  /** @inheritdoc */
  onCancelled(reason: CancelReason, message: string): void {
    this.cancelled = new CallError(
      CANCEL_CODES[reason],
      `${this.method}: ${message}`,
      { method: this.method, processed: this.entered ? "maybe" : "no" },
    );
    if (this.#context !== undefined) {
      Context.cancel(this.#context, this.cancelled);
    }
    this.#reader?.end({ error: this.cancelled }, true);
    this.#pump?.stop();
    this.#writer?.sendable();
  }

  /** @inheritdoc */
  onUnsendable(error: unknown): CallError {
    return unsendable(error, this);
  }

  /** @inheritdoc */
  onItem(body: Uint8Array): void {
    this.#reader?.put(body);
  }

  /** @inheritdoc */
  onItemsEnded(): void {
    this.#reader?.end();
  }

  /** @inheritdoc */
  onSendable(): void {
    this.#writer?.sendable();
  }

  // ── the way of a call ──────────────────────────────────────────────────

  // Each step looks at what the one before was given, by code that may be
  // anybody's, in its own `try`: what escapes from here ends the session.

  /** Decodes and checks the input, then goes on. The body is valid during this call. */
  begin(body: Uint8Array): void {
    let input: unknown;
    try {
      input = this.#input(body);
      if (isThenable(input)) {
        Promise.resolve(input).then(
          (valid) => this.#handle(valid),
          (thrown) => this.#failed(thrown),
        );
        return;
      }
    } catch (thrown) {
      return this.#failed(thrown);
    }
    this.#handle(input);
  }

  #handle(input: unknown): void {
    let output: unknown;
    try {
      output = this.#enter(input);
      if (isThenable(output)) {
        Promise.resolve(output).then(
          (value) => this.#finish(value),
          (thrown) => this.#failed(thrown),
        );
        return;
      }
    } catch (thrown) {
      return this.#failed(thrown);
    }
    this.#finish(output);
  }

  #finish(output: unknown): void {
    let checked: unknown;
    try {
      checked = this.#checked(output);
      if (isThenable(checked)) {
        Promise.resolve(checked).then(
          (value) => this.#respond(value),
          (thrown) => this.#failed(thrown),
        );
        return;
      }
    } catch (thrown) {
      return this.#failed(thrown);
    }
    this.#respond(checked);
  }

  /** The input, or for calls with items the opening. */
  #input(body: Uint8Array): unknown {
    const { shape, input, opening } = this.declaration;
    const items = sendsItems(shape);
    // Who sends items may leave the opening out.
    const value = items && body.length === 0
      ? undefined
      : this.#values.decode(body);
    return this.#values.valid(items ? opening : input, value);
  }

  #enter(input: unknown): unknown {
    if (this.cancelled !== undefined) throw this.cancelled;
    if (this.timeLeft() <= 0) throw this.cancelled = this.#outOfTime();
    const items = sendsItems(this.declaration.shape);
    const context = this.#context = new Context(
      this,
      items ? input : undefined,
    );
    const given = items ? this.#items() : input;
    const { middleware } = this.#host;
    if (middleware === undefined) return this.#run(given, context);
    return runInside(
      middleware,
      context,
      (extended) => this.#run(given, extended),
    );
  }

  /** Runs the handler; for the shapes that give items, until the last has gone. */
  #run(input: unknown, context: object): unknown {
    this.entered = true;
    const result = this.#served.handler(input, context);
    return receivesItems(this.declaration.shape)
      ? this.#sendItems(result)
      : result;
  }

  async #sendItems(items: unknown): Promise<void> {
    const iterable = await items;
    if (!hasAsyncItems(iterable)) {
      throw new TypeError(
        `Cannot handle ${this.method}: its handler must return an async iterable, as an async generator does`,
      );
    }
    const { output } = this.declaration;
    const writer = this.#writer = this.#newWriter();
    const pump = this.#pump = new ItemPump(iterable);
    if (this.cancelled !== undefined) pump.stop();
    await pump.run(
      output === undefined
        ? (item) => writer.send(item)
        : async (item) => writer.send(await checkOutput(output, item)),
    );
  }

  #newWriter(): ItemWriter {
    const { session } = this.#host;
    return new ItemWriter({
      maySend: (call) => session.maySendItem(call),
      send: (call, item) => {
        try {
          return session.sendItem(call, item, this.#host.now());
        } catch (error) {
          throw this.#unsendable = unsendable(error, this);
        }
      },
      failure: () => this.cancelled && { error: this.cancelled },
    }, this.#call);
  }

  #items(): ItemReader {
    const { input } = this.declaration;
    const { session } = this.#host;
    const reader = this.#reader = new ItemReader({
      take: (call) => {
        const body = session.takeItem(call, this.#host.now());
        this.#host.touched();
        return body;
      },
      decode: (body) => this.#values.valid(input, this.#values.decode(body)),
      abandoned: () => session.dropItems(this.#call, this.#host.now()),
    }, this.#call);
    if (this.#call.state === "ended") reader.end();
    return reader;
  }

  /** What leaves matches its schema, also where a middleware gives another result. */
  #checked(value: unknown): unknown {
    const { shape, output } = this.declaration;
    if (output === undefined || receivesItems(shape)) return value;
    return checkOutput(output, value);
  }

  // ── the ends ───────────────────────────────────────────────────────────

  #respond(output: unknown): void {
    if (this.cancelled !== undefined) return this.#fail(this.cancelled);
    const { session } = this.#host;
    session.respond(this.#call, output, this.#host.now(), this.#fields);
    this.#settled();
  }

  #failed(thrown: unknown): void {
    const answer = answerTo(thrown, this);
    if (answer instanceof Promise) answer.then((error) => this.#fail(error));
    else this.#fail(answer);
  }

  #fail(error: CallError): void {
    const { session } = this.#host;
    const answer = error === this.cancelled ? this.#lateAnswer(error) : error;
    try {
      session.fail(this.#call, answer, this.#host.now());
    } catch (cause) {
      // The data of the error has no encoding: the handler's fault.
      session.fail(this.#call, internal(cause, this), this.#host.now());
    }
    this.#settled();
  }

  /** Nobody may be waiting any more, but here is what is known now. */
  #lateAnswer({ code, message }: CallError): CallError {
    const processed = this.entered ? "yes" : "no";
    return new CallError(code, message, { processed });
  }

  /** A reader that outlives its handler must not wait for ever. */
  #settled(): void {
    if (this.#reader !== undefined) {
      const message = `${this.method}: its handler has ended`;
      this.#reader.end({ error: new CallError("cancelled", message) }, true);
    }
    this.#host.touched();
  }
}
