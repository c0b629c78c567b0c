/**
 * Handles one incoming call: decodes and validates the input, runs the
 * middleware and the handler, and passes the result or error to the session.
 *
 * ```text
 *  begin ─▶ decode ─▶ input's schema ─▶ middleware ─▶ handler ─▶ output's schema ─▶ respond
 *    └─────────┴────────────┴───────────────┴───────────┴──────────────┴─▶ fail
 * ```
 *
 * @module
 */
import {
  type FailedCall,
  internalError,
  isCausedBy,
  mapError,
  unsendableError,
} from "./error_mapping.ts";
import { ContextImpl, type ContextSource } from "./context_impl.ts";
import { isAsyncIterable, ItemPump } from "../streams/item_pump.ts";
import { discardItems, takeItem } from "../session/flow/received_items.ts";
import { maySendItem, sendItem } from "../session/flow/waiting_items.ts";
import { ItemReader } from "../streams/item_reader.ts";
import { ItemWriter } from "../streams/item_writer.ts";
import type { CallSession } from "../calls/pending_call.ts";
import { isThenable } from "../support/thenable.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import { runMiddleware } from "./run_middleware.ts";
import type { Shape } from "../session/wire/shape.ts";
import { checkOutput, InputValues } from "./value_validation.ts";
import type { BoundHandler } from "./bind_handlers.ts";
import type { CallContext } from "./context.ts";
import { CallError } from "../errors/call_error.ts";
import type { MethodDeclaration } from "../protocol/method.ts";
import type { BoundMethod } from "../protocol/protocol_types.ts";
import {
  type CalleeObserver,
  CANCEL_CODES,
  type CancelReason,
  type IncomingCall,
} from "../session/calls/incoming_call.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import {
  type Metadata,
  metadataField,
  NO_FIELDS,
} from "../session/wire/fields.ts";

/** A method, its handler and the middleware around it. */
export interface ServedHandler extends BoundHandler {
  /** The method. */
  readonly bound: BoundMethod;
}

/** The session of a call, which its handler receives. */
export interface CallHandlingHost extends CallSession {
  /** Returns the current time of the session, in ms. */
  now(): number;
  /** Returns a remote for calls made on behalf of the given call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
}

/**
 * Milliseconds by which a call's deadline may differ between its two ends. Each
 * end rounds the deadline to steps of 8 ms.
 */
const DEADLINE_TOLERANCE = 16;

/** Handling of one incoming call. */
export class CallHandling implements CalleeObserver, ContextSource, FailedCall {
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  /** @inheritdoc */
  entered = false;
  /** @inheritdoc */
  input: unknown = undefined;
  readonly #host: CallHandlingHost;
  readonly #call: IncomingCall;
  readonly #served: ServedHandler;
  #context: ContextImpl | undefined = undefined;
  #reader: ItemReader | undefined = undefined;
  #writer: ItemWriter | undefined = undefined;
  #pump: ItemPump | undefined = undefined;
  #fields: Uint8Array = NO_FIELDS;
  readonly #values: InputValues;
  #unsendable: CallError | undefined = undefined;

  constructor(
    host: CallHandlingHost,
    call: IncomingCall,
    served: ServedHandler,
  ) {
    this.#host = host;
    this.#call = call;
    this.#served = served;
    this.#values = new InputValues(this, host.session.codec);
  }

  // ── used by the context and the error mapping ──────────────────────────

  /** @inheritdoc */
  get method(): string {
    return this.#served.bound.name;
  }

  /** @inheritdoc */
  get declaration(): MethodDeclaration {
    return this.#served.bound.method;
  }

  /** @inheritdoc */
  get shape(): Shape {
    return this.declaration.shape;
  }

  /** @inheritdoc */
  get metadata(): Metadata {
    return this.#call.fields.metadata;
  }

  /** @inheritdoc */
  get session(): unknown {
    return this.#host;
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
      return isCausedBy(cancelled, thrown) ? cancelled : undefined;
    }
    // A call made on behalf of this call shares its deadline and may expire first.
    const expired = thrown.code === "deadline" &&
      this.timeLeft() <= DEADLINE_TOLERANCE;
    return expired ? this.cancelled = this.#deadlineError() : undefined;
  }

  #deadlineError(): CallError {
    return new CallError(
      `${this.method}: the call's deadline passed`,
      { code: "deadline", processed: this.entered ? "maybe" : "no" },
    );
  }

  /** @inheritdoc */
  report(thrown: unknown): IncidentReport {
    return this.#host.report(thrown, this.method);
  }

  // ── callbacks of the session ───────────────────────────────────────────

  /** @inheritdoc */
  onCancelled(reason: CancelReason, message: string): void {
    this.cancelled = new CallError(
      `${this.method}: ${message}`,
      {
        code: CANCEL_CODES[reason],
        method: this.method,
        processed: this.entered ? "maybe" : "no",
      },
    );
    if (this.#context !== undefined) {
      ContextImpl.cancel(this.#context, this.cancelled);
    }
    this.#reader?.end({ error: this.cancelled }, true);
    this.#pump?.stop();
    this.#writer?.sendable();
  }

  /** @inheritdoc */
  onUnsendable(error: unknown): CallError {
    return unsendableError(error, this);
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

  // ── steps of a call ────────────────────────────────────────────────────

  // Application code (a schema, middleware or a handler) returns the value that
  // each step inspects. Even reading it may throw, so each step has its own
  // `try`: an error that escapes would end the session.

  /**
   * Decodes and validates the input, then runs the handler. The body is valid
   * only until this method returns.
   */
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

  /** Returns the validated input, or the opening if the caller sends items. */
  #input(body: Uint8Array): unknown {
    const { shape, input, opening } = this.declaration;
    const items = sendsItems(shape);
    // A caller that sends items may omit the opening.
    const value = items && body.length === 0
      ? undefined
      : this.#values.decode(body);
    return this.#values.valid(items ? opening : input, value);
  }

  #enter(input: unknown): unknown {
    if (this.cancelled !== undefined) throw this.cancelled;
    if (this.timeLeft() <= 0) throw this.cancelled = this.#deadlineError();
    const items = sendsItems(this.declaration.shape);
    const context = this.#context = new ContextImpl(
      this,
      items ? input : undefined,
    );
    if (!items) this.input = input;
    const argument = items ? this.#items() : input;
    const { middleware } = this.#served;
    if (middleware === undefined) return this.#run(argument, context);
    return runMiddleware(
      middleware,
      context,
      (extended) => this.#run(argument, extended),
    );
  }

  /** Runs the handler and, if it returns items, sends them all. */
  #run(input: unknown, context: object): unknown {
    this.entered = true;
    const result = this.#served.handler(input, context);
    return receivesItems(this.declaration.shape)
      ? this.#sendItems(result)
      : result;
  }

  async #sendItems(items: unknown): Promise<void> {
    const iterable = await items;
    if (!isAsyncIterable(iterable)) {
      throw new TypeError(
        `Cannot handle ${this.method}: its handler must return an async iterable, such as an async generator`,
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
    const host = this.#host;
    return new ItemWriter({
      maySend: (call) => maySendItem(host.enter().shared, call),
      send: (call, item) => {
        try {
          return sendItem(host.enter().shared, call, item);
        } catch (error) {
          throw this.#unsendable = unsendableError(error, this);
        }
      },
      failure: () => this.cancelled && { error: this.cancelled },
    }, this.#call);
  }

  #items(): ItemReader {
    const { input } = this.declaration;
    const host = this.#host;
    const reader = this.#reader = new ItemReader({
      take: (call) => takeItem(host.enter().shared, call),
      decode: (body) => this.#values.valid(input, this.#values.decode(body)),
      abandoned: () =>
        discardItems(host.enter().shared, this.#call.receiveWindow),
    }, this.#call);
    if (this.#call.state === "ended") reader.end();
    return reader;
  }

  /** Validates the result, which middleware may have replaced. */
  #checked(value: unknown): unknown {
    const { shape, output } = this.declaration;
    if (output === undefined || receivesItems(shape)) return value;
    return checkOutput(output, value);
  }

  // ── outcomes ───────────────────────────────────────────────────────────

  #respond(output: unknown): void {
    if (this.cancelled !== undefined) return this.#fail(this.cancelled);
    const { responses } = this.#host.enter().incoming;
    responses.respond(this.#call, output, this.#fields);
    this.#settled();
  }

  #failed(thrown: unknown): void {
    const mapped = mapError(thrown, this);
    if (mapped instanceof Promise) mapped.then((error) => this.#fail(error));
    else this.#fail(mapped);
  }

  #fail(error: CallError): void {
    const { responses } = this.#host.enter().incoming;
    const response = error === this.cancelled ? this.#asSettled(error) : error;
    try {
      responses.fail(this.#call, response);
    } catch (cause) {
      // The error's data cannot be encoded, which is the handler's fault.
      responses.fail(this.#call, internalError(cause, this));
    }
    this.#settled();
  }

  /** Returns the error with the final value of `processed`. */
  #asSettled({ code, message }: CallError): CallError {
    const processed = this.entered ? "yes" : "no";
    return new CallError(message, { code, processed });
  }

  /** Ends the reader, which would wait forever if it outlived the handler. */
  #settled(): void {
    if (this.#reader !== undefined) {
      const message = `${this.method}: its handler has settled`;
      this.#reader.end(
        { error: new CallError(message, { code: "cancelled" }) },
        true,
      );
    }
  }
}
