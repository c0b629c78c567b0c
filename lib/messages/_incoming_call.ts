/**
 * Handling of one call of the other side's: body to value, validation,
 * middleware, handler, and what comes of it back to the session.
 *
 * @module
 */
import { Context, type ContextSource } from "./_context.ts";
import { ItemReader } from "./_item_reader.ts";
import { ItemWriter } from "./_item_writer.ts";
import type { CallLink } from "./_outgoing_call.ts";
import type { AnyHandler } from "./bind_handlers.ts";
import type { CallContext } from "./context.ts";
import { CallError, type CallErrorCode } from "./errors.ts";
import { extend, type Middleware } from "./middleware.ts";
import type { BoundMethod } from "./protocol_types.ts";
import { SchemaError, type StandardSchema, validate } from "./schema.ts";
import type {
  CalleeObserver,
  CancelReason,
  IncomingCall,
} from "./session/callee.ts";
import { type Metadata, metadataField, NO_FIELDS } from "./session/fields.ts";
import type { StreamCall } from "./session/link.ts";

/** A method with what handles it. */
export interface ServedHandler {
  /** The method. */
  readonly bound: BoundMethod;
  /** The handler. */
  readonly handler: AnyHandler;
}

/** What handling needs from the side that serves. */
export interface HandlingHost extends CallLink {
  /** The session, as handlers see it. */
  readonly publicSession: unknown;
  /** Around every handler. */
  readonly middleware: Middleware<object> | undefined;
  /** The other side's methods, for calls on behalf of a call. */
  remoteFor(context: CallContext<unknown, unknown>): unknown;
  /**
   * Something failed that the method does not declare.
   *
   * @returns the id under which it was reported
   */
  report(error: unknown, method: string): string;
}

/** Framework codes that a handler may end a call with; the rest are the session's to say. */
const REFUSALS: ReadonlySet<CallErrorCode> = new Set([
  "invalid",
  "forbidden",
  "unauthenticated",
  "overloaded",
  "unavailable",
]);

const CANCEL_CODES: Readonly<Record<CancelReason, CallErrorCode>> = {
  cancelled: "cancelled",
  deadline: "deadline",
  disconnected: "disconnected",
  drained: "unavailable",
};

/** One call that is being handled. */
export class Handling implements CalleeObserver, ContextSource {
  /** @inheritdoc */
  cancelled: CallError | undefined = undefined;
  readonly #host: HandlingHost;
  readonly #call: IncomingCall;
  readonly #served: ServedHandler;
  #context: Context | undefined = undefined;
  #reader: ItemReader | undefined = undefined;
  #writer: ItemWriter | undefined = undefined;
  #fields: Uint8Array = NO_FIELDS;
  #callersFault: CallError | undefined = undefined;

  constructor(host: HandlingHost, call: IncomingCall, served: ServedHandler) {
    this.#host = host;
    this.#call = call;
    this.#served = served;
  }

  // ── what the context asks ──────────────────────────────────────────────

  /** @inheritdoc */
  get method(): string {
    return this.#served.bound.name;
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

  // ── what the session tells ─────────────────────────────────────────────

  /** @inheritdoc */
  onCancelled(reason: CancelReason, message: string): void {
    this.cancelled = new CallError(
      CANCEL_CODES[reason],
      `${this.method}: ${message}`,
      { method: this.method },
    );
    if (this.#context !== undefined) {
      Context.cancel(this.#context, this.cancelled);
    }
    this.#reader?.end({ error: this.cancelled });
    this.#writer?.sendable();
  }

  /** @inheritdoc */
  onUnsendable(error: unknown): CallError {
    return this.#asCallError(error);
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

  /** Enters the handler. The body is valid during this call. */
  begin(body: Uint8Array): void {
    const { method } = this.#served.bound;
    const streams = method.shape === "clientStream" ||
      method.shape === "duplex";
    let value: unknown;
    if (!streams || body.length > 0) {
      try {
        value = this.#host.session.codec.decode(body);
      } catch (cause) {
        return this.#fail(malformedBody(this.method, cause));
      }
    }
    const schema = streams ? method.opening : method.input;
    if (schema === undefined) return this.#enter(value);
    this.#validated(schema, value);
  }

  #validated(schema: StandardSchema, value: unknown): void {
    try {
      const checked = validate(schema, value);
      if (checked instanceof Promise) {
        checked.then(
          (valid) => this.#enter(valid),
          (error) => this.#fail(this.#invalid(error)),
        );
      } else this.#enter(checked);
    } catch (error) {
      this.#fail(this.#invalid(error));
    }
  }

  #invalid(error: unknown): CallError {
    if (!(error instanceof SchemaError)) return this.#asCallError(error);
    return new CallError("invalid", error.message, {
      processed: "no",
      data: { issues: error.issues },
    });
  }

  #enter(value: unknown): void {
    const { shape } = this.#served.bound.method;
    const takesItems = shape === "clientStream" || shape === "duplex";
    if (this.cancelled !== undefined) return this.#fail(this.cancelled);
    const context = new Context(this, takesItems ? value : undefined);
    this.#context = context;
    const input = takesItems ? this.#items() : value;
    try {
      const outcome = this.#host.middleware === undefined
        ? this.#run(input, context)
        : this.#runInside(this.#host.middleware, input, context);
      if (isThenable(outcome)) {
        outcome.then(
          (output) => this.#respond(output),
          (error) => this.#fail(this.#asCallError(error)),
        );
      } else this.#respond(outcome);
    } catch (error) {
      this.#fail(this.#asCallError(error));
    }
  }

  #runInside(
    middleware: Middleware<object>,
    input: unknown,
    context: Context,
  ): unknown {
    return middleware(
      context,
      async (extra) => await this.#run(input, extend(context, extra)),
    );
  }

  /** Runs the handler; for the shapes that give items, until the last has gone. */
  #run(input: unknown, context: object): unknown {
    const { bound, handler } = this.#served;
    const { shape, output } = bound.method;
    const result = handler(input, context);
    if (shape === "serverStream" || shape === "duplex") {
      return this.#sendItems(result, output);
    }
    if (output === undefined) return result;
    return isThenable(result)
      ? result.then((value) => checkOutput(output, value))
      : checkOutput(output, result);
  }

  async #sendItems(
    items: unknown,
    schema: StandardSchema | undefined,
  ): Promise<void> {
    const iterable = await items;
    if (!isAsyncIterable(iterable)) {
      throw new TypeError(
        `Cannot handle ${this.method}: its handler must return an async iterable, as an async generator does`,
      );
    }
    const writer = this.#writer = this.#newWriter();
    for await (const item of iterable) {
      if (this.cancelled !== undefined) return;
      const checked = schema === undefined
        ? item
        : await checkOutput(schema, item);
      await writer.send(checked);
    }
  }

  #newWriter(): ItemWriter {
    const { session } = this.#host;
    const writer = new ItemWriter({
      maySend: (call) => session.maySendItem(call),
      send: (call, item) => session.sendItem(call, item, this.#host.now()),
      failure: () => this.cancelled && { error: this.cancelled },
    });
    writer.call = this.#call;
    return writer;
  }

  #items(): ItemReader {
    const { input } = this.#served.bound.method;
    const { session } = this.#host;
    const reader = this.#reader = new ItemReader({
      take: (call: StreamCall) => {
        const body = session.takeItem(call, this.#host.now());
        this.#host.touched();
        return body;
      },
      decode: (body) => {
        const item = this.#decodeItem(body);
        return input === undefined ? item : validate(input, item);
      },
      abandoned: () => session.dropItems(this.#call, this.#host.now()),
    });
    reader.call = this.#call;
    if (this.cancelled !== undefined) reader.end({ error: this.cancelled });
    else if (this.#call.state === "ended") reader.end();
    return reader;
  }

  #decodeItem(body: Uint8Array): unknown {
    try {
      return this.#host.session.codec.decode(body);
    } catch (cause) {
      throw this.#callersFault = malformedBody(this.method, cause);
    }
  }

  #respond(output: unknown): void {
    const { session } = this.#host;
    session.respond(this.#call, output, this.#host.now(), this.#fields);
    this.#host.touched();
  }

  #fail(error: CallError): void {
    this.#host.session.fail(this.#call, error, this.#host.now());
    this.#host.touched();
  }

  /** What a caller may know of what was thrown. */
  #asCallError(thrown: unknown): CallError {
    if (thrown === this.cancelled && this.cancelled !== undefined) {
      return this.cancelled;
    }
    if (thrown === this.#callersFault && this.#callersFault !== undefined) {
      return this.#callersFault;
    }
    if (thrown instanceof SchemaError) return this.#invalid(thrown);
    // Errors that came from another call have a method: passing them on would tell this caller of that call.
    if (thrown instanceof CallError && thrown.method === "") {
      if (REFUSALS.has(thrown.code)) return thrown;
      if (thrown.code === "declared") return this.#checkDeclared(thrown);
    }
    return this.#internal(thrown);
  }

  #internal(thrown: unknown): CallError {
    const incident = this.#host.report(thrown, this.method);
    return new CallError(
      "internal",
      `${this.method} failed; the other side knows more under incident ${incident}`,
      { processed: "yes", incident, cause: thrown },
    );
  }

  /** An error that the method does not declare, or with other data, is a fault of the handler's. */
  #checkDeclared(thrown: CallError): CallError {
    const { errors } = this.#served.bound.method;
    if (errors === undefined) return thrown;
    const schema = Object.hasOwn(errors, thrown.declared)
      ? errors[thrown.declared]
      : undefined;
    if (schema === undefined) return this.#internal(thrown);
    if (schema === null) return thrown;
    try {
      const data = validate(schema, thrown.data);
      if (data instanceof Promise) {
        data.catch(() => {});
        return thrown;
      }
      return new CallError("declared", thrown.message, {
        declared: thrown.declared,
        data,
        processed: "yes",
      });
    } catch {
      return this.#internal(thrown);
    }
  }
}

function malformedBody(method: string, cause: unknown): CallError {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new CallError(
    "malformed",
    `Cannot decode the input of ${method}: ${detail}`,
    { processed: "no", cause },
  );
}

/** The handler's own fault, unlike what a caller sends. */
function checkOutput(schema: StandardSchema, value: unknown): unknown {
  try {
    const checked = validate(schema, value);
    return checked instanceof Promise
      ? checked.catch((error) => Promise.reject(outputFault(error)))
      : checked;
  } catch (error) {
    throw outputFault(error);
  }
}

function outputFault(cause: unknown): Error {
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new Error(`The output does not match its schema: ${detail}`, {
    cause,
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise ||
    (typeof value === "object" && value !== null && "then" in value &&
      typeof value.then === "function");
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === "object" && value !== null &&
    Symbol.asyncIterator in value;
}
