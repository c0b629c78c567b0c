/**
 * Handles one incoming call: decodes and validates the input, runs the
 * middleware and the handler, and passes the result or error to the session.
 *
 * ```text
 *  begin ─▶ decode ─▶ input's schema ─▶ middleware ─▶ handler ─▶ output's schema ─▶ respond
 *    └─────────┴────────────┴───────────────┴───────────┴──────────────┴─▶ fail
 * ```
 *
 * A call that runs at most once is reserved before its middleware. Its handler
 * then runs for all callers that repeat it, and its outcome is stored before any
 * of them receives it.
 *
 * @module
 */
import { messageOf } from "../../support/message_of.ts";
import { internalError, mapError, unsendableError } from "./error_mapping.ts";
import { ContextImpl } from "./context_impl.ts";
import type { BoundHandler } from "./bind_handlers.ts";
import type { ObservedCall } from "../observe/observed_call.ts";
import { Handling, type HandlingHost } from "./handling.ts";
import { isAsyncIterable, ItemPump } from "../streams/item_pump.ts";
import {
  hasPositions,
  type PositionedItems,
  STEPS,
  type StreamStep,
} from "../streams/positioned_items.ts";
import { discardItems } from "../session/flow/received_items.ts";
import { dropQueued } from "../session/flow/outgoing_items.ts";
import { ItemReader } from "../streams/item_reader.ts";
import { type ItemTarget, ItemWriter } from "../streams/item_writer.ts";
import { checkStep, headOf, StreamMove } from "./positioned_stream.ts";
import { checkOutput, validateOr } from "./value_validation.ts";
import { CallError, type SessionError } from "../errors/call_error.ts";
import { markForeign } from "../errors/call_stack.ts";
import { randomId } from "../support/random_id.ts";
import { SchemaError, type StandardSchema } from "../schema/standard_schema.ts";
import {
  callKey,
  onceCall,
  type OnceCaller,
  type OnceRun,
  outcomeLost,
} from "../once/once_runs.ts";
import type { OnceCall } from "../once/once_store.ts";
import { decodeOutcome, encodeOutcome } from "../once/outcome.ts";
import { RunDeadline } from "./run_deadline.ts";
import type {
  CalleeObserver,
  IncomingCall,
} from "../session/calls/incoming_call.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import { MUCH_UNSENT } from "../session/calls/response_writer.ts";
import { encodeError, errorCodeOf } from "../session/wire/error_frame.ts";
import { Feature } from "../session/wire/features.ts";
import { Kind } from "../session/wire/frame_header.ts";
import {
  encodeResult,
  type Metadata,
  metadataField,
  NO_FIELDS,
  type Position,
} from "../session/wire/fields.ts";

/**
 * Milliseconds by which a call's deadline may differ between its two ends. Each
 * end rounds the deadline to steps of 8 ms.
 */
const DEADLINE_TOLERANCE = 16;

/** Heap bytes of a session that a handler keeps after its end. */
const LEFT_COST = 32 * 1024;

/** Handling of one incoming call. */
export class CallHandling extends Handling
  implements CalleeObserver, OnceCaller {
  readonly #call: IncomingCall;
  #context: ContextImpl | undefined = undefined;
  #reader: ItemReader | undefined = undefined;
  #writer: ItemWriter | undefined = undefined;
  #pump: ItemPump | undefined = undefined;
  #fields: Uint8Array = NO_FIELDS;
  /** Ends a stream with positions during a drain. */
  #move: StreamMove | undefined = undefined;
  /** Errors that the caller receives unchanged if the handler throws them. */
  #own: WeakSet<CallError> | undefined = undefined;
  /** The run that a once call has begun or joined. */
  #run: OnceRun | undefined = undefined;
  #deadline: RunDeadline | undefined = undefined;
  #key = "";
  /** Whether its call is over while the handler runs. */
  #abandoned = false;
  /** The error that is sent because the result cannot be. */
  #unsendable: CallError | undefined = undefined;

  constructor(
    host: HandlingHost,
    call: IncomingCall,
    served: BoundHandler,
    observed?: ObservedCall,
  ) {
    super(host, served, observed);
    this.#call = call;
  }

  // ── used by the context and the error mapping ──────────────────────────

  /** Whether the handler was entered. */
  get entered(): boolean {
    return this.#call.entered;
  }

  /** @inheritdoc */
  override get cancelled(): CallError | undefined {
    // A handler that runs for all callers does not depend on this one.
    return this.#run === undefined
      ? this.#call.cancelled
      : this.#deadline?.passed;
  }

  /** @inheritdoc */
  override get key(): string {
    return this.#key;
  }

  /** @inheritdoc */
  override get attempt(): number {
    return this.#call.fields.attempt;
  }

  /** @inheritdoc */
  override get metadata(): Metadata {
    return this.#call.fields.metadata;
  }

  /** @inheritdoc */
  override get resumeFrom(): Position | undefined {
    return this.#call.fields.resumeFrom;
  }

  /** @inheritdoc */
  override timeLeft(): number {
    return this.#call.deadlineAt - this.host.now();
  }

  /** @inheritdoc */
  override respondWith(metadata: Metadata): void {
    const { maxMetadata } = this.host.session.limits;
    this.#fields = metadataField(metadata, maxMetadata);
  }

  /**
   * Returns the error to send if this call itself caused `thrown`.
   *
   * The possible causes are a cancellation, a passed deadline, a fault in the
   * caller's input or items, and an item that cannot be sent.
   */
  override ownErrorIn(thrown: unknown): CallError | undefined {
    if (!(thrown instanceof CallError)) return undefined;
    if (this.#own?.has(thrown)) return thrown;
    // A call made on behalf of this call shares its deadline and may expire first.
    if (thrown.code === "deadline") this.#expireWithin(DEADLINE_TOLERANCE);
    const { code } = thrown;
    if (code === "disconnected" && this.#run === undefined) this.#cancelIfCut();
    return super.ownErrorIn(thrown);
  }

  /**
   * Cancels the call if the client's stream has ended. A call made on its behalf
   * cannot succeed then.
   */
  #cancelIfCut(): void {
    if (this.host.session.state !== "input-ended") return;
    this.host.enter(); // the session may send frames
    this.#call.disconnect();
  }

  /** Cancels the call if its deadline passes within the given time. */
  #expireWithin(ms: number): void {
    if (this.cancelled !== undefined || this.timeLeft() > ms) return;
    if (this.#deadline !== undefined) return this.#deadline.expire();
    this.host.enter(); // the session may send frames
    this.#call.expire();
  }

  // ── callbacks of the session ───────────────────────────────────────────

  /** @inheritdoc */
  onCancelled(error: CallError): void {
    markForeign(error);
    if (error.code === "cancelled") this.observed?.cancelled();
    if (this.#run !== undefined) return this.#leave(this.#run, error);
    if (this.#context !== undefined) {
      this.#abandoned = true;
      this.#call.method.counters.abandoned++;
      ContextImpl.cancel(this.#context, error);
    }
    this.#reader?.end({ error }, true);
    this.#pump?.stop();
    this.#writer?.onDropped();
    if (this.stopWaiting()) this.failed(error); // its handler is not entered
  }

  /** @inheritdoc */
  onUnsendable(error: unknown): CallError {
    return this.#unsendable = unsendableError(error, this);
  }

  /** @inheritdoc */
  onResponse(bytes: number): void {
    this.observed?.sent(bytes);
  }

  /** @inheritdoc */
  onItem(body: Uint8Array): void {
    this.#reader?.put(body);
  }

  /** @inheritdoc */
  onItemSent(bytes: number): void {
    this.observed?.itemSent(bytes);
  }

  /** @inheritdoc */
  onItemsEnded(): void {
    this.#reader?.end();
  }

  // ── steps of a call ────────────────────────────────────────────────────

  /**
   * Decodes and validates the input, then runs the handler. The body is valid
   * only until this method returns.
   */
  begin(body: Uint8Array): void {
    this.step(this.#input, body, this.#handle);
  }

  #handle(input: unknown): void {
    const { serial, once } = this.declaration;
    if (once || this.#call.fields.once !== undefined) {
      return this.#handleOnce(input);
    }
    if (!serial) return this.step(this.#enter, input, this.#finish);
    this.inTurn(input, () => this.step(this.#enter, input, this.#finish));
  }

  #finish(output: unknown): void {
    this.step(this.#checked, output, this.#respond);
  }

  /** Returns the validated input, or the opening if the caller sends items. */
  #input(body: Uint8Array): unknown {
    const { input, opening } = this.declaration;
    const items = sendsItems(this.shape);
    this.holdInput(this.#call.fields.held);
    // A caller that sends items may omit the opening.
    const value = items && body.length === 0
      ? undefined
      : this.#decoded(this.decodeInput, body);
    return this.#valid(items ? opening : input, value);
  }

  /** @throws {CallError} `malformed` */
  #decoded(decode: (body: Uint8Array) => unknown, body: Uint8Array): unknown {
    try {
      return decode.call(this, body);
    } catch (cause) {
      const detail = messageOf(cause);
      throw this.#fault("malformed", `cannot decode the message: ${detail}`, {
        cause,
      });
    }
  }

  /** Returns the schema's output, or a promise of it. @throws {CallError} `invalid` */
  #valid(schema: StandardSchema | undefined, value: unknown): unknown {
    return schema === undefined
      ? value
      : validateOr((error) => this.#asFault(error), schema, value);
  }

  /**
   * Returns the caller's fault if the schema reports issues. An error that the
   * schema throws is this side's fault and is returned as it is.
   */
  #asFault(error: unknown): unknown {
    if (!(error instanceof SchemaError)) return error;
    const data = { issues: error.issues };
    return this.#fault("invalid", error.message, { data, cause: error });
  }

  #fault(
    code: "malformed" | "invalid" | "unimplemented",
    message: string,
    options: { data?: unknown; cause: unknown },
  ): CallError {
    const processed = this.entered ? "yes" : "no";
    return this.#ownError(
      new CallError(`${this.method}: ${message}`, {
        ...options,
        code,
        processed,
      }),
    );
  }

  #ownError(error: CallError): CallError {
    this.#own ??= new WeakSet();
    this.#own.add(error);
    return error;
  }

  #enter(input: unknown): unknown {
    this.#expireWithin(0);
    if (this.cancelled !== undefined) throw this.cancelled;
    const items = sendsItems(this.shape);
    const context = this.#context = new ContextImpl(
      this,
      items ? input : undefined,
    );
    if (!items) this.input = input;
    this.#call.method.counters.running++;
    return this.run(items ? this.#items() : input, context);
  }

  /** Enters the handler and, if it returns items, sends them all. */
  protected override handle(argument: unknown, context: object): unknown {
    this.#call.entered = true;
    const result = super.handle(argument, context);
    return receivesItems(this.shape) ? this.#sendItems(result) : result;
  }

  async #sendItems(items: unknown): Promise<void> {
    const iterable = await items;
    if (!isAsyncIterable(iterable)) {
      throw new TypeError(
        `Cannot handle ${this.method}: its handler must return an async iterable, such as an async generator`,
      );
    }
    const { features } = this.host.session;
    const positions = (features & Feature.POSITIONS) !== 0 &&
      this.shape === "serverStream";
    if (positions && hasPositions(iterable)) {
      return await this.#sendSteps(iterable);
    }
    if (this.resumeFrom !== undefined) {
      new ItemPump(iterable, this.observed).stop();
      throw this.#notResumed();
    }
    const { output } = this.declaration;
    const writer = this.#newWriter();
    const ended = await this.#pumpAll(
      iterable,
      output === undefined
        ? (item) => writer.send(item)
        : async (item) => writer.send(await checkOutput(output, item)),
    );
    // A handler that watches for the drain has ended because of it.
    const { drainReason } = this.host;
    if (ended && this.readsDraining && drainReason !== undefined) {
      throw drainReason;
    }
  }

  /** Sends all items; returns `false` if it was stopped. */
  #pumpAll(
    items: AsyncIterable<unknown>,
    send: (item: unknown) => Promise<void>,
  ): Promise<boolean> {
    const pump = this.#pump = new ItemPump(items, this.observed);
    if (this.cancelled !== undefined) pump.stop();
    return pump.run(send);
  }

  /** Sends the items of a stream with positions, and the positions. */
  async #sendSteps(items: PositionedItems<unknown>): Promise<void> {
    const move = this.#move = new StreamMove(() => this.#stopSteps());
    const { output } = this.declaration;
    const writer = this.#newWriter((call, step, sender) => {
      const { item } = step as StreamStep; // sent below
      const head = headOf(step as StreamStep);
      return this.host.sendItem(call, item?.value, sender, head);
    });
    const sent = this.#pumpAll(
      items[STEPS](),
      output === undefined
        ? (step) => writer.send(step)
        : async (step) =>
          writer.send(await checkStep(output, step as StreamStep)), // from STEPS
    );
    const reason = this.watchDrain();
    if (reason !== undefined) this.onDraining(reason);
    const ended = await sent;
    if (!ended && move.moved) throw this.#moving();
  }

  /** @inheritdoc */
  override onDraining(reason: SessionError): void {
    super.onDraining(reason);
    const { drainGrace } = this.host.session.limits;
    this.#move?.onDraining(reason, drainGrace / 2);
  }

  #stopSteps(): void {
    this.#pump?.stop();
    // The caller receives an item that waits for credit after it has moved.
    dropQueued(this.host.enter().shared, this.#call);
  }

  #moving(): CallError {
    return this.#ownError(
      new CallError(
        `${this.method}: the stream continues in another session, as this one is ending`,
        { code: "moving", processed: "yes", retry: "now" },
      ),
    );
  }

  #notResumed(): CallError {
    return this.#ownError(
      new CallError(
        `${this.method}: its handler cannot continue a stream`,
        { code: "unimplemented", processed: "yes" },
      ),
    );
  }

  #newWriter(
    send: ItemTarget["send"] = (call, item, sender) =>
      this.host.sendItem(call, item, sender),
  ): ItemWriter {
    return this.#writer = new ItemWriter({
      send,
      unsendable: (error) => this.#ownError(unsendableError(error, this)),
      failure: () => this.cancelled && { error: this.cancelled },
    }, this.#call);
  }

  #items(): ItemReader {
    const { input } = this.declaration;
    const host = this.host;
    const reader = this.#reader = new ItemReader({
      take: (call) => host.takeItem(call),
      decode: (body) => {
        this.observed?.itemReceived(body.length);
        return this.#valid(input, this.#decodeItem(body));
      },
      abandoned: () => discardItems(host.enter().shared, this.#call),
    }, this.#call);
    if (this.#call.state === "ended") reader.end();
    return reader;
  }

  /** Decodes an item. An item that is malformed ends the call at once. */
  #decodeItem(body: Uint8Array): unknown {
    try {
      return this.#decoded(this.decodeNextItem, body);
    } catch (error) {
      this.host.enter();
      this.#call.fail("malformed", "an item cannot be decoded");
      throw error;
    }
  }

  /** Validates the result, which middleware may have replaced. */
  #checked(value: unknown): unknown {
    const { output } = this.declaration;
    if (output === undefined || receivesItems(this.shape)) return value;
    return checkOutput(output, value);
  }

  // ── calls that run at most once ────────────────────────────────────────

  /** Handles a once call. */
  #handleOnce(input: unknown): void {
    let call: OnceCall | undefined;
    try {
      call = this.#onceCall();
    } catch (thrown) {
      return this.failed(thrown);
    }
    const enter = call === undefined
      ? () => this.step(this.#enter, input, this.#finish)
      : () => this.#join(call, input);
    if (this.declaration.serial) this.inTurn(input, enter);
    else enter();
  }

  /**
   * Returns the call for the store; `undefined` if it has no ONCE, since it is
   * then never repeated.
   *
   * @throws {CallError} `unimplemented` if the method is not `once`
   */
  #onceCall(): OnceCall | undefined {
    const { method, host: { once: server } } = this;
    const { once, key } = this.#call.fields;
    if (!this.declaration.once || server === undefined) {
      const message = "its outcome is not stored: the method is not once";
      throw this.#fault("unimplemented", message, { cause: undefined });
    }
    const { principal, group } = server;
    if (once === undefined) {
      this.#key = callKey(principal, method, randomId());
      return undefined;
    }
    const call = onceCall({ method, principal, group, once, key });
    this.#key = call.key;
    return call;
  }

  #join(call: OnceCall, input: unknown): void {
    this.input = input;
    this.#run = this.host.once!.runs.enter(call, this); // #onceCall() has checked it
  }

  /** @inheritdoc */
  start(): void {
    this.#deadline = new RunDeadline(this.method, this.timeLeft(), (error) => {
      if (this.#context !== undefined) ContextImpl.cancel(this.#context, error);
    });
    this.step(this.#enter, this.input, this.#finish);
  }

  /** @inheritdoc */
  deliver(outcome: Uint8Array): void {
    const { kind, codec, body } = decodeOutcome(outcome);
    if (codec !== this.host.session.codec.name) {
      const message = `the outcome is stored in another codec, "${codec}"`;
      return this.refuse(outcomeLost(this.method, message, "yes"));
    }
    this.#call.entered = true; // also in another session or process
    this.host.enter().incoming.responses.send(this.#call, kind, body);
    this.#settled(kind === Kind.RESULT ? undefined : storedError(body));
    this.#chargeUnsent();
  }

  /** @inheritdoc */
  refuse(error: CallError): void {
    this.#endWith(error);
  }

  /** Ends the call at once, unless its handler runs here. */
  #leave(run: OnceRun, { code, message }: CallError): void {
    if (code === "deadline") this.#deadline?.expire();
    if (!run.leave(this)) return this.holdInput(LEFT_COST);
    this.#endWith(new CallError(message, { code, processed: "maybe" }));
  }

  #settleRun(run: OnceRun, output: unknown): void {
    const { codec } = this.host.session;
    let body: Uint8Array;
    try {
      body = encodeResult(this.#fields, output, codec);
    } catch (error) {
      return this.#failRun(run, unsendableError(error, this));
    }
    run.settle(encodeOutcome({ kind: Kind.RESULT, codec: codec.name, body }));
  }

  #failRun(run: OnceRun, error: CallError): void {
    if (!this.entered) return void run.abandon(error);
    const { codec } = this.host.session;
    let body: Uint8Array;
    try {
      body = encodeError(this.#deadline?.settled(error) ?? error, codec);
    } catch (cause) {
      // The error's data cannot be encoded, which is the handler's fault.
      body = encodeError(internalError(cause, this), codec);
    }
    run.settle(encodeOutcome({ kind: Kind.ERROR, codec: codec.name, body }));
  }

  // ── outcomes ───────────────────────────────────────────────────────────

  #respond(output: unknown): void {
    if (this.#run !== undefined) return this.#settleRun(this.#run, output);
    const { responses } = this.host.enter().incoming;
    responses.respond(this.#call, output, this.#fields);
    this.#settled();
    this.#chargeUnsent();
  }

  /**
   * Charges a result at once if much is unsent. Many handlers may settle before
   * the session would charge it, for example if they wait for the same event. The
   * session was entered just before.
   */
  #chargeUnsent(): void {
    const { sendQueue } = this.#call;
    const { writer } = this.host.enter(this.host.recent).shared;
    const unsent = sendQueue !== undefined || writer.unsent >= MUCH_UNSENT;
    if (unsent) this.host.charge();
  }

  /** @inheritdoc */
  protected override failed(thrown: unknown): void {
    const mapped = mapError(thrown, this);
    if (mapped instanceof Promise) mapped.then((error) => this.#fail(error));
    else this.#fail(mapped);
  }

  #fail(error: CallError): void {
    if (this.#run !== undefined) this.#failRun(this.#run, error);
    else this.#endWith(error);
  }

  #endWith(error: CallError): void {
    this.host.enter().incoming.responses.fail(this.#call, error);
    this.#settled(error);
  }

  /** Ends the reader, which would wait forever if it outlived the handler. */
  #settled(error?: CallError): void {
    this.host.enter().incoming.gate.left(this.#call);
    const { counters } = this.#call.method;
    if (this.#context !== undefined) counters.running--;
    if (this.#abandoned) counters.abandoned--;
    this.#move?.clear();
    this.release(this.host.recent);
    this.#deadline?.clear();
    this.endTurn();
    if (this.#reader !== undefined) {
      const message = `${this.method}: its handler has settled`;
      this.#reader.end(
        { error: new CallError(message, { code: "cancelled" }) },
        true,
      );
    }
    this.observed?.handled(
      this.#call.cancelled ?? this.#unsendable ?? error,
      this.entered,
    );
  }
}

/** Returns what observers learn of a stored ERROR. */
function storedError(body: Uint8Array): CallError {
  return new CallError("its outcome was stored", { code: errorCodeOf(body) });
}
