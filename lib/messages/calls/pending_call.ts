/**
 * A call in progress, as the caller sees it.
 *
 * @module
 */
import { endedWithSession, mayBeUnawaited } from "../errors/unawaited.ts";
import { markForeign, rejectedWhereAwaited } from "../errors/call_stack.ts";
import { ItemPump } from "../streams/item_pump.ts";
import { ItemReader } from "../streams/item_reader.ts";
import { ItemWriter, SENT } from "../streams/item_writer.ts";
import { reportRejection } from "../support/thenable.ts";
import type {
  AnyCallOptions,
  CallOptions,
  Items,
} from "../protocol/client_types.ts";
import type {
  ObservableSession,
  ObservedCall,
} from "../observe/observed_call.ts";
import type { IncidentReport } from "../errors/incident_report.ts";
import { CallError, type Processed } from "../errors/call_error.ts";
import { receivesItems, sendsItems } from "../session/calls/call_state.ts";
import type {
  CallerObserver,
  OutgoingCall,
} from "../session/calls/outgoing_calls.ts";
import { discardItems } from "../session/flow/received_items.ts";
import type { ItemHead } from "../session/flow/item_frame.ts";
import type { SendOutcome } from "../session/flow/outgoing_items.ts";
import type { ItemSender } from "../session/flow/send_queue.ts";
import type { SessionStream } from "../session/flow/shared_state.ts";
import type { Fields, Metadata } from "../session/wire/fields.ts";
import type { Outcomes } from "../session/wire/once_field.ts";
import type { Gap } from "../session/wire/positions.ts";
import { gapText } from "../streams/gaps.ts";
import type { StreamProgress } from "./stream_progress.ts";
import type { MethodInfo } from "../session/wire/hello.ts";
import type { Session, SessionView } from "../session/session.ts";

/** Session through which calls are made. */
export interface CallSession {
  /** The session, as observers see it. */
  readonly observable: ObservableSession;
  /** State of the session that can be read without entering it. */
  readonly session: SessionView;
  /** Where the server stores outcomes, and its time now; unset for others. */
  readonly outcomes: Outcomes | undefined;
  /**
   * Enters the session for a command.
   *
   * Updates the session's time, and resets the session's timer after the command.
   *
   * @param now the current time, if the clock was just read
   */
  enter(now?: number): Session;
  /** Takes an item of a call, as `takeItem()` does. */
  takeItem(call: SessionStream): Uint8Array | undefined;
  /** Sends an item of a call, as `sendItem()` does. */
  sendItem(
    call: SessionStream,
    value: unknown,
    sender: ItemSender,
    head?: ItemHead,
  ): SendOutcome;
  /** Reports a failure that no method declares. */
  report(error: unknown, method: string): IncidentReport;
  /** Called with the error of each call that fails. */
  onCallFailed?(error: CallError): void;
}

/** Receives the end of a call, and may continue a failed one. */
export interface CallFollower {
  /** Called when the call has succeeded. */
  succeeded(): void;
  /** Returns the output of a call that continues this one, or `undefined`. */
  failed(call: PendingCall, error: unknown): Promise<unknown> | undefined;
}

/** Why a call failed. */
interface Failure {
  readonly error: unknown;
  /** Whether the callee has handled the call. */
  readonly processed: Processed;
}

/**
 * A call in progress.
 *
 * The shape determines its parts: `result` for an output, a reader for items to
 * receive, a writer for items to send. The caller holds this object, unless it
 * has interceptors or the shape has no stream.
 */
export class PendingCall implements CallerObserver, AsyncDisposable {
  /** Promise of the output; exists if the call receives no items. */
  readonly result: Promise<unknown> | undefined;
  readonly #info: MethodInfo;
  readonly #follower: CallFollower | undefined;
  readonly #observed: ObservedCall | undefined;
  readonly #reader: ItemReader | undefined;
  readonly #writer: ItemWriter | undefined;
  #resolve: ((output: unknown) => void) | undefined = undefined;
  #peer: CallSession | undefined = undefined;
  #call: OutgoingCall | undefined = undefined;
  #signal: AbortSignal | undefined = undefined;
  #onAbort: (() => void) | undefined = undefined;
  #onMetadata: CallOptions["onMetadata"] = undefined;
  #onGap: ((gap: Gap) => void) | undefined = undefined;
  /** Progress of the stream that the call belongs to. */
  #progress: StreamProgress | undefined = undefined;
  #pump: ItemPump | undefined = undefined;
  #endCalled = false;
  /** How the call ended; `undefined` while it is in progress. */
  #end: "succeeded" | Failure | undefined = undefined;

  /**
   * @param info the method
   * @param follower receives the end of the call
   * @param observed counts its messages
   */
  constructor(
    info: MethodInfo,
    follower?: CallFollower,
    observed?: ObservedCall,
  ) {
    this.#info = info;
    this.#follower = follower;
    this.#observed = observed;
    const { shape } = info;
    const sends = sendsItems(shape);
    this.#writer = sends ? this.#newWriter() : undefined;
    if (receivesItems(shape)) {
      this.#reader = this.#newReader();
      this.result = undefined;
      return;
    }
    this.#reader = undefined;
    this.result = new Promise((resolve) => this.#resolve = resolve);
  }

  #newReader(): ItemReader {
    return new ItemReader({
      take: (call) => this.#peer!.takeItem(call), // set with the reader's call
      decode: (body) => {
        this.#observed?.itemReceived(body.length);
        return this.#decode(body);
      },
      abandoned: (failure) => {
        this.cancel(failure);
        if (this.#call === undefined) return;
        discardItems(this.#peer!.enter().shared, this.#call); // set with #call
      },
    });
  }

  #newWriter(): ItemWriter {
    return new ItemWriter({
      send: (call, item, sender) => this.#peer!.sendItem(call, item, sender), // set with the writer's call
      failure: () =>
        this.#end === "succeeded"
          ? { error: sendRefused(this.#info.name, "the call has ended") }
          : this.#end,
    });
  }

  // ── start and cancellation ─────────────────────────────────────────────

  /** Called when the session has accepted the call. */
  opened(
    call: OutgoingCall,
    peer: CallSession,
    { onMetadata, onGap }: AnyCallOptions,
    signal: AbortSignal | undefined,
    progress?: StreamProgress,
  ): void {
    this.#call = call;
    this.#peer = peer;
    this.#onMetadata = onMetadata;
    this.#onGap = onGap;
    this.#progress = progress;
    if (this.#reader !== undefined) this.#reader.call = call;
    this.#writer?.open(call);
    if (signal === undefined) return;
    this.#signal = signal;
    const onAbort = this.#onAbort = () => this.cancel(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort(); // encoding the input may run code that aborts the signal
  }

  /** Cancels the call; has no effect once it has ended. */
  cancel(cause?: unknown): void {
    if (this.#end === undefined) this.#observed?.givenUp();
    const call = this.#call;
    const peer = this.#peer;
    if (call === undefined || peer === undefined) return;
    // Code that runs during encoding, such as a getter, cannot send frames.
    if (peer.session.encoding) {
      return queueMicrotask(() => this.cancel(cause));
    }
    peer.enter().outgoing.giveUp(call, { ...abortReason(cause), cause });
  }

  /** Cancels the call if it has not ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.cancel();
    return Promise.resolve();
  }

  /** Fails the call with a local error; the callee sees a cancelled call. */
  giveUp(error: unknown): void {
    if (this.#end !== undefined) return;
    this.fail(error, "maybe");
    this.cancel(error);
  }

  #unwatch(): void {
    if (this.#onAbort === undefined) return;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#onAbort = undefined;
  }

  // ── items ──────────────────────────────────────────────────────────────

  /** Returns an iterator over the received items, which can be iterated once. */
  [Symbol.asyncIterator](): AsyncIterableIterator<unknown> {
    if (this.#reader !== undefined) return this.#reader;
    throw new TypeError(
      `Cannot iterate over a call of ${this.#info.name}: it returns no items`,
    );
  }

  /** Sends one item. */
  send(item: unknown): Promise<void> {
    if (this.#writer !== undefined && !this.#endCalled) {
      const sent = this.#writer.send(item);
      return sent === SENT ? sent : mayBeUnawaited(sent);
    }
    const why = this.#endCalled ? "end() was called" : "it sends no items";
    return Promise.reject(sendRefused(this.#info.name, why));
  }

  /** Ends the stream of items once all items are sent. */
  end(): Promise<void> {
    return mayBeUnawaited(this.#endItems());
  }

  async #endItems(): Promise<void> {
    this.#endCalled = true;
    await this.#writer?.settled();
    if (this.#call === undefined) return;
    this.#peer!.enter().outgoing.endItems(this.#call); // set with #call
  }

  /** Sends all items of an iterable, then ends the stream; an error fails the call. */
  async feed(items: Items<unknown>): Promise<void> {
    const writer = this.#writer!; // only calls that send items are fed
    try {
      const pump = this.#pump = new ItemPump(items);
      if (this.#end !== undefined) pump.stop();
      const sent = await pump.run((item) => writer.send(item));
      if (sent) await this.end();
    } catch (error) {
      this.giveUp(error);
    }
  }

  /** @inheritdoc */
  onItem(body: Uint8Array): void {
    this.#reader?.put(body);
  }

  /** @inheritdoc */
  onItemsEnded(): void {}

  /** @inheritdoc */
  onItemSent(bytes: number): void {
    this.#observed?.itemSent(bytes);
  }

  /** @inheritdoc */
  onItemFields(fields: Readonly<Fields>): void {
    const { position, gap, joined } = fields;
    const last = this.#progress?.position;
    // An item without a position leaves the stream where it is.
    if (this.#progress !== undefined && position !== undefined) {
      this.#progress.position = position;
    }
    // A stream cannot go on in another numbering, whatever the server says.
    const renumbered = last !== undefined && joined !== undefined &&
      joined.epoch !== last.epoch;
    if (gap !== undefined) this.#passGap(gap);
    else if (joined?.recovered === false || renumbered) {
      this.#passGap({ from: 0, to: position?.number ?? 0, reason: "unknown" });
    }
  }

  /** Passes a gap to the caller, or ends the iteration with it. */
  #passGap(gap: Gap): void {
    try {
      if (this.#onGap === undefined) throw gapError(this.#info.name, gap);
      const returned: unknown = this.#onGap(gap);
      reportRejection(
        returned,
        (error) => this.#peer?.report(error, this.#info.name),
      );
    } catch (error) {
      this.#reader?.end({ error }, true); // not even the items that have arrived
      this.giveUp(error);
      if (this.#call === undefined) return;
      discardItems(this.#peer!.enter().shared, this.#call); // set with #call
    }
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /** Whether the request has been sent. */
  get sent(): boolean {
    return this.#call?.sent ?? false;
  }

  /** Whether the call has ended. */
  get ended(): boolean {
    return this.#end !== undefined;
  }

  /** Time in ms of its deadline; `undefined` if it was not accepted. */
  get deadlineAt(): number | undefined {
    return this.#call?.deadlineAt;
  }

  /** Why the call failed, if it did. */
  get failure(): Failure | undefined {
    return this.#end === "succeeded" ? undefined : this.#end;
  }

  /** @inheritdoc */
  onResult(body: Uint8Array, { metadata }: Readonly<Fields>): void {
    this.#unwatch();
    let output: unknown;
    this.#observed?.received(body.length);
    try {
      if (this.#onMetadata !== undefined) {
        this.#passMetadata(this.#onMetadata, metadata);
      }
      if (this.#resolve !== undefined) output = this.#decode(body);
    } catch (error) {
      // An error thrown by the caller's callback must not end the connection.
      return this.fail(error, "yes");
    }
    this.#end = "succeeded";
    this.#stopSending();
    this.#follower?.succeeded();
    this.#resolve?.(output);
    this.#reader?.end();
  }

  #passMetadata(
    onMetadata: NonNullable<CallOptions["onMetadata"]>,
    metadata: Metadata,
  ): void {
    const returned: unknown = onMetadata(metadata);
    // Asynchronous work of the callback may finish after the call.
    reportRejection(
      returned,
      (error) => this.#peer?.report(error, this.#info.name),
    );
  }

  /** @inheritdoc */
  onFailed(error: CallError): void {
    this.#unwatch();
    this.#peer?.onCallFailed?.(error);
    this.fail(markForeign(error), error.processed);
  }

  /** @inheritdoc */
  onItemsDropped(error: CallError): void {
    this.#reader?.end({ error: markForeign(error) }, true);
  }

  /**
   * Ends the call with an error; has no effect once it has ended.
   *
   * Items that have arrived can still be read. If the caller itself ends the
   * call, the session drops them.
   */
  fail(error: unknown, processed: Processed): void {
    if (this.#end !== undefined) return;
    const failure = this.#end = { error, processed };
    this.#stopSending();
    const continued = this.#follower?.failed(this, error);
    if (continued !== undefined) {
      return this.#resolve?.(
        continued.catch((error) =>
          rejectedWhereAwaited(
            error,
            endedWithSession(error) ? this.result : undefined,
          )
        ),
      );
    }
    // A caller that ignores the result of an upload learns of failures through `send()`.
    const ignorable = this.#writer !== undefined || endedWithSession(error);
    const unawaited = ignorable ? this.result : undefined;
    this.#resolve?.(rejectedWhereAwaited(error, unawaited));
    this.#reader?.end(failure);
  }

  /** Stops sending, because the call accepts no more items. */
  #stopSending(): void {
    if (this.#writer === undefined) return;
    this.#pump?.stop();
    this.#writer.onDropped();
  }

  /**
   * Decodes a value; the bytes are valid only until this method returns.
   *
   * @throws {CallError} with the code `malformed` if the value cannot be decoded
   */
  #decode(body: Uint8Array): unknown {
    try {
      return this.#peer!.session.codec.decode(body); // set before anything arrives
    } catch (cause) {
      const method = this.#info.name;
      throw markForeign(
        new CallError(
          `${method}: cannot decode the reply`,
          { code: "malformed", method, processed: "maybe", cause },
        ),
      );
    }
  }
}

/** Returns the error for a stream with a gap. */
function gapError(method: string, gap: Gap): CallError {
  const message = `${method}: ${
    gapText(gap)
  }; to read on, pass the option onGap`;
  return markForeign(
    new CallError(message, { code: "gap", method, retry: "now", data: gap }),
  );
}

/** Returns the error for an item that cannot be sent. */
export function sendRefused(method: string, why: string): CallError {
  return new CallError(
    `${method}: cannot send an item: ${why}`,
    { code: "cancelled", method, processed: "no" },
  );
}

/** Returns the error code and message for an aborted call. */
export function abortReason(
  cause: unknown,
): { code: "cancelled" | "deadline"; message: string } {
  // AbortSignal.timeout() aborts with a TimeoutError. If a handler made this
  // call, the signal of the call that it handles aborts with a CallError.
  const timedOut = cause instanceof DOMException
    ? cause.name === "TimeoutError"
    : cause instanceof CallError && cause.code === "deadline";
  return timedOut
    ? { code: "deadline", message: "the signal timed out" }
    : { code: "cancelled", message: "the call was cancelled" };
}

/**
 * Returns the error for an aborted call.
 *
 * @param processed `"no"` if the call was aborted before it started
 */
export function abortError(
  method: string,
  cause: unknown,
  processed: Processed = "no",
): CallError {
  const { code, message } = abortReason(cause);
  return new CallError(`${method}: ${message}`, {
    code,
    method,
    processed,
    cause,
  });
}
