/**
 * The calls that the peer makes: how requests are accepted or refused, and how
 * frames reach the calls in progress.
 *
 * @module
 */
import { messageOf } from "../../../support/message_of.ts";
import { CallError, type CallErrorCode } from "../../errors/call_error.ts";
import { causedBy, overloaded } from "../../errors/overload_cause.ts";
import { ResponseWriter } from "./response_writer.ts";
import { CallTable } from "./call_table.ts";
import { Feature } from "../wire/features.ts";
import {
  type Fields,
  FIELDS_OF,
  fieldsEnd,
  MalformedError,
  readFields,
  requestFields,
  UnknownFieldError,
} from "../wire/fields.ts";
import type { MethodInfo } from "../wire/hello.ts";
import {
  type CalleeObserver,
  type CancelCode,
  IncomingCall,
  type IncomingCallOwner,
  type ServedMethod,
} from "./incoming_call.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { type GateHost, HandlerGate } from "./handler_gate.ts";
import { RecentSizes } from "./recent_sizes.ts";
import { type HandlerBudget, RunningHandlers } from "./running_handlers.ts";
import {
  type NotificationHost,
  ReceivedNotifications,
} from "./received_notifications.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import type { PeerCalls, PeerCredit } from "./peer_calls.ts";
import { RequestReader, type RequestSink } from "./request_reader.ts";
import { unservedError } from "./unserved_error.ts";
import { dropQueued, receiveCredit } from "../flow/outgoing_items.ts";
import { discardItems, endItems, receiveItem } from "../flow/received_items.ts";
import { getU16, HEADER } from "../wire/frame_header.ts";

export {
  type CalleeObserver,
  type CancelCode,
  IncomingCall,
  type ServedMethod,
};

/** Receiver of requests and notifications. */
export interface RequestHost extends NotificationHost {
  /**
   * Called with a new call. The host must set `call.observer` before it does
   * anything else; the body is valid during this callback only.
   */
  onRequest(call: IncomingCall, body: Uint8Array): void;
  /**
   * Called when a call was refused before its handler.
   *
   * @param method the method; `undefined` if it is unknown
   */
  onCallRefused?(
    method: ServedMethod | MethodInfo | undefined,
    error: CallError,
  ): void;
}

/** Milliseconds for which the sizes of responses are remembered, at least. */
const SIZES_PERIOD = 10_000;

/** The calls that the peer makes. */
export class IncomingCalls
  implements PeerCalls, RequestSink, IncomingCallOwner, GateHost {
  /** Calls that occupy a slot. */
  readonly calls: CallTable<IncomingCall> = new CallTable();
  /** State that the session's parts share. */
  readonly shared: SharedState;
  /** Calls above this id are dropped. */
  lastAllowed = Infinity;
  /** The peer's list of methods; see `servedMethods()`. */
  methods: readonly (ServedMethod | MethodInfo)[] = [];
  readonly #firstId: number;
  readonly #host: RequestHost;
  readonly #sizes: RecentSizes | undefined;
  readonly #running: RunningHandlers;

  // These parts are created on first use: a server may hold thousands of idle
  // sessions.

  #reader: RequestReader | undefined = undefined;
  #gate: HandlerGate | undefined = undefined;
  #notifications: ReceivedNotifications | undefined = undefined;
  #responses: ResponseWriter | undefined = undefined;
  #cancels: TokenBucket | undefined = undefined;

  /**
   * @param shared state that the session's parts share
   * @param firstId the peer's first id: 1 for a server, 2 for a client
   * @param host receives requests and notifications
   * @param sizes recent sizes of responses and items, of all sessions
   * @param budget has the running handlers of all sessions that share it
   */
  constructor(
    shared: SharedState,
    firstId: number,
    host: RequestHost,
    sizes: RecentSizes | undefined,
    budget: HandlerBudget,
  ) {
    this.shared = shared;
    this.#firstId = firstId;
    this.#host = host;
    this.#sizes = sizes;
    this.#running = budget.runningHandlers(RunningHandlers);
  }

  /** Reader of REQUEST and NOTIFY frames. */
  get reader(): RequestReader {
    if (this.#reader !== undefined) return this.#reader;
    this.#reader = new RequestReader(this.shared, this.#firstId, this);
    if (this.shared.refusesCalls) this.pause(true);
    return this.#reader;
  }

  /** Gate before the handlers. */
  get gate(): HandlerGate {
    return this.#gate ??= new HandlerGate(
      this.shared,
      this.reader.requestCredit,
      new RecentSizes(SIZES_PERIOD, this.#sizes),
      this,
      this.#running,
    );
  }

  /** The notifications. */
  get notifications(): ReceivedNotifications {
    return this.#notifications ??= new ReceivedNotifications(
      this.shared,
      this.reader.notifyCredit,
      this.#host,
    );
  }

  /** Writer of each call's RESULT or ERROR. */
  get responses(): ResponseWriter {
    return this.#responses ??= new ResponseWriter(
      this.shared,
      this.calls,
      this.gate,
    );
  }

  /** Number of requests of which some frames have arrived. */
  get incomplete(): number {
    return this.#reader?.incomplete ?? 0;
  }

  /** Heap bytes of the requests that wait. */
  get heldRequests(): number {
    return this.#gate?.held ?? 0;
  }

  /** Heap bytes of notifications that wait, or whose handlers run. */
  get heldNotifications(): number {
    return this.#notifications?.held ?? 0;
  }

  /** Credit that the peer has left for requests and for notifications. */
  get creditGranted(): PeerCredit {
    const { connectionWindow, notifyWindow } = this.shared.limits;
    return {
      requests: this.#reader?.requestCredit.available ?? connectionWindow,
      notifications: this.#reader?.notifyCredit.available ?? notifyWindow,
    };
  }

  /** Stops granting credit, or makes up for it. */
  pause(paused: boolean): void {
    this.#reader?.requestCredit.pause(paused);
    this.#reader?.notifyCredit.pause(paused);
  }

  /** Lets requests run that waited for the peer to read. */
  resumeGate(): void {
    this.#gate?.resume();
  }

  /** Stops or restarts what waits for the peer. */
  restartTimer(): void {
    this.#gate?.restartTimer();
  }

  /** @inheritdoc */
  turnEnded(): void {
    this.#responses?.turnEnded();
  }

  /** Drops the notifications that wait: the peer is at fault. */
  dropNotifications(): void {
    this.#notifications?.clear();
  }

  /** Highest id of a call that may run, or 0. */
  get lastBegun(): number {
    return Math.max(0, Math.min(this.#reader?.lastId ?? 0, this.lastAllowed));
  }

  /** @inheritdoc */
  receive(kind: number, id: number, frame: Uint8Array): void {
    this.reader.receive(kind, id, frame);
  }

  // ── start ──────────────────────────────────────────────────────────────

  /** @inheritdoc */
  receiveRequest(id: number, bytes: Uint8Array, at: number): void {
    if (id > this.lastAllowed) {
      this.shared.stats.lateFrames++;
      return;
    }
    const method = this.methods[getU16(bytes, at)];
    const refusal = this.#refusal(method, getU16(bytes, at));
    if (refusal !== undefined) return this.refuseRequest(id, refusal, method);
    let end: number;
    let fields: Readonly<Fields>;
    try {
      end = fieldsEnd(bytes, at + 2);
      fields = readFields(
        bytes,
        at + 2,
        end,
        requestFields(this.shared.features),
        this.shared.limits.maxMetadata,
      );
    } catch (error) {
      const code = error instanceof UnknownFieldError
        ? "unimplemented"
        : "malformed";
      const message = `the request is ${code}: ${messageOf(error)}`;
      return this.refuseRequest(id, new CallError(message, { code }), method);
    }
    if (fields.timeout === 0) {
      const message = "the deadline had passed before the request arrived";
      return this.refuseRequest(
        id,
        new CallError(message, { code: "deadline" }),
        method,
      );
    }
    if (!this.gate.mayWait(bytes.length - at)) {
      const message = "too many requests wait for their handlers";
      return this.refuseRequest(id, overloaded(message, "maxWaiting"), method);
    }
    // #refusal() has checked that this side serves the method.
    const served = method as ServedMethod;
    if (fields.resumeFrom !== undefined && !this.#mayResume(served)) {
      const message = "the request has a field that is not supported here";
      return this.refuseRequest(
        id,
        new CallError(message, { code: "unimplemented" }),
        method,
      );
    }
    this.#start(id, served, fields, bytes.subarray(end));
  }

  /** Returns whether a call of the method may continue an earlier stream. */
  #mayResume({ info }: ServedMethod): boolean {
    return info.shape === "serverStream" &&
      (this.shared.features & Feature.POSITIONS) !== 0;
  }

  /** Returns the error for a request that must be refused. */
  #refusal(
    method: ServedMethod | MethodInfo | undefined,
    number: number,
  ): CallError | undefined {
    if (method === undefined || !("index" in method)) {
      return unservedError(method, number);
    }
    if (method.info.shape === "notification") {
      const message =
        `method ${method.info.name} is a notification; send it with NOTIFY`;
      return new CallError(message, { code: "unimplemented" });
    }
    if (this.shared.refusesCalls) {
      const message = "too much memory is in use (option memory)";
      return overloaded(message, "memory");
    }
    const { maxCalls } = this.shared.limits;
    const unsettled = this.#responses?.unsettled ?? 0;
    if (this.calls.size + unsettled < maxCalls) return undefined;
    const message = `${maxCalls} calls are already in flight`;
    return overloaded(message, "maxCalls");
  }

  #start(
    id: number,
    method: ServedMethod,
    fields: Readonly<Fields>,
    body: Uint8Array,
  ): void {
    const call = new IncomingCall(this, id, method, fields);
    this.shared.stats.callsHandled.started++;
    method.counters.started++;
    this.calls.add(call);
    if (fields.timeout !== Infinity) {
      call.deadlineAt = this.shared.now + fields.timeout;
      this.shared.timerWheel.add(call, call.deadlineAt);
    }
    if (this.gate.admit(call, body)) this.#host.onRequest(call, body);
  }

  /** @inheritdoc */
  enterHandler(call: IncomingCall, body: Uint8Array): void {
    this.#host.onRequest(call, body);
  }

  /** @inheritdoc */
  failWaiting(call: IncomingCall, error: CallError): void {
    this.shared.stats.refusedCalls++;
    this.#failUnentered(call, error);
  }

  /** Ends a call whose handler is never entered. */
  #failUnentered(call: IncomingCall, error: CallError): void {
    this.responses.fail(call, error);
    this.#host.onCallRefused?.(call.method, error);
  }

  /** @inheritdoc */
  refuseRequest(
    id: number,
    error: CallError,
    method?: ServedMethod | MethodInfo,
  ): void {
    if (id > this.lastAllowed) { // dropped like a complete request
      this.shared.stats.lateFrames++;
      return;
    }
    const { callsHandled } = this.shared.stats;
    callsHandled.started++;
    callsHandled.refused++;
    if (method !== undefined && "counters" in method) {
      method.counters.started++;
      method.counters.failed(error, true);
    }
    this.responses.refuse(id, error);
    this.#host.onCallRefused?.(method, error);
  }

  /** @inheritdoc */
  receiveNotification(bytes: Uint8Array, at: number): void {
    const method = this.methods[getU16(bytes, at)];
    try {
      if (
        method === undefined || !("index" in method) ||
        method.info.shape !== "notification"
      ) throw new MalformedError("the notification is not served");
      const from = at + 2;
      const end = fieldsEnd(bytes, from);
      const { maxMetadata } = this.shared.limits;
      const fields = readFields(
        bytes,
        from,
        end,
        FIELDS_OF.NOTIFY,
        maxMetadata,
      );
      this.notifications.receive(method.index, bytes.subarray(end), fields);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // A notification has no reply: count the failure and drop it.
      this.shared.stats.malformedCalls++;
    }
  }

  // ── later frames of a call ─────────────────────────────────────────────

  /**
   * Handles a CANCEL frame. CANCEL is a hint: the handler is notified, but the
   * call keeps its slot until the RESULT or ERROR has been sent.
   */
  receiveCancel(id: number, frame: Uint8Array): void {
    const deadline = frame[HEADER] === 1;
    const message = deadline
      ? "the deadline passed"
      : "the caller cancelled the call";
    const code = deadline ? "deadline" : "cancelled";
    if (this.reader.holds(id)) {
      const reason = `${message} before the request was complete`;
      return this.#refuseIncomplete(id, reason, code);
    }
    const call = this.#find(id);
    if (call === undefined || call.state === "cancelled") return;
    this.cancel(call, code, message);
  }

  /** @inheritdoc */
  expired(call: IncomingCall): void {
    const { heldUntil, sendQueue } = call;
    if (heldUntil === -Infinity) {
      this.cancel(call, "deadline", "the deadline passed");
    } else if (sendQueue !== undefined) this.shared.writer.resume(sendQueue);
  }

  /** @inheritdoc */
  cancel(call: IncomingCall, code: CancelCode, message: string): void {
    const { name } = call.method.info;
    const error = new CallError(`${name}: ${message}`, {
      code,
      method: name,
      processed: call.entered ? "maybe" : "no",
    });
    if (call.state === "answered") {
      return this.responses.cancelResponse(call, error);
    }
    if (!call.on("cancel")) return;
    call.cancelled = error;
    this.shared.timerWheel.remove(call);
    dropQueued(this.shared, call);
    discardItems(this.shared, call); // received items are no longer delivered
    if (code === "cancelled" || code === "deadline") this.#pace(call);
    if (this.gate.drop(call)) return this.#failUnentered(call, error);
    if (!call.begun) this.#host.onCallRefused?.(call.method, error);
    call.observer.onCancelled(error);
    call.observer.onItemsEnded();
  }

  /**
   * Holds back the terminal of a call that ended before its handler. Keeping a
   * request or starting a handler only to cancel it costs work, which the limit
   * on calls in flight does not bound. A caller that cancels its calls, breaks
   * them or lets their deadlines pass too fast is slowed: these calls keep their
   * slots.
   */
  #pace(call: IncomingCall): void {
    const { cancelsPerSecond, maxCalls } = this.shared.limits;
    this.#cancels ??= new TokenBucket(
      cancelsPerSecond,
      Math.max(cancelsPerSecond, maxCalls),
    );
    call.heldUntil = this.#cancels.reserve(this.shared.now);
  }

  /** @inheritdoc */
  fail(
    call: IncomingCall,
    code: "malformed" | "overloaded",
    message: string,
  ): void {
    if (code === "malformed") this.shared.stats.malformedCalls++;
    const retry = code === "overloaded" ? "later" : "never";
    const error = new CallError(message, { code, retry });
    if (code === "overloaded") causedBy(error, "unreadTimeout");
    this.#endNow(call, "cancelled", error);
  }

  /** Ends a call with an error before its handler settles. */
  #endNow(call: IncomingCall, code: CancelCode, error: CallError): void {
    if (this.gate.drop(call)) {
      if (code === "cancelled") this.#pace(call);
      return this.#failUnentered(call, unprocessed(error));
    }
    this.cancel(call, code, error.message);
    if (call.state !== "cancelled") return; // the handler settled when it was notified
    this.responses.failNow(call, error);
  }

  /** @inheritdoc */
  flushed(call: IncomingCall): void {
    this.responses.flushed(call);
  }

  /** Handles an END frame. */
  receiveEnd(id: number): void {
    const call = this.#find(id);
    if (call === undefined) return;
    if (call.over) {
      this.shared.stats.lateFrames++;
      return;
    }
    if (call.receiveWindow?.partial !== undefined || !call.on("end")) {
      return call.fail("malformed", "END is not allowed here");
    }
    endItems(this.shared, call);
    call.observer.onItemsEnded();
  }

  /** Handles an ITEM frame. */
  receiveItem(id: number, frame: Uint8Array): void {
    receiveItem(this.shared, this.#find(id), frame);
  }

  /** Handles a CREDIT frame. */
  receiveCredit(id: number, total: number): void {
    const call = this.#find(id);
    if (call === undefined || call.cancelled !== undefined) return;
    receiveCredit(this.shared, call, total);
  }

  /** Refuses an incomplete request; its remaining frames will be dropped. */
  #refuseIncomplete(id: number, message: string, code: CallErrorCode): void {
    this.reader.abandon(id);
    this.refuseRequest(id, new CallError(message, { code }));
  }

  /**
   * Returns the call, or `undefined` if it is over. If the request is still
   * incomplete, it is refused: a callee that merely dropped the frame would lose
   * an item, or wait forever for END. A frame with an id that was never used
   * closes the connection.
   */
  #find(id: number): IncomingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (this.reader.holds(id)) {
      const message = "a frame arrived between the frames of its request";
      this.#refuseIncomplete(id, message, "malformed");
    } else if (id > this.reader.lastId || id === 0) {
      this.shared.fail(
        "protocol",
        `a frame refers to call ${id}, which has not started`,
      );
    } else this.shared.stats.lateFrames++;
    return undefined;
  }

  /**
   * Ends all calls with `unavailable` after the grace of a drain. The requests
   * that are incomplete have not been processed.
   */
  endUnavailable(): void {
    const message = "the call was still in progress when the drain ended";
    const options = { code: "unavailable" } as const;
    this.#reader?.refuseIncomplete(
      new CallError(message, { ...options, retry: "now" }),
    );
    for (const call of this.calls.all) {
      this.#endNow(call, "unavailable", new CallError(message, options));
    }
  }

  /** Cancels the calls whose requests or items are incomplete. */
  endIncomplete(message: string): void {
    this.#reader?.drop();
    for (const call of this.calls.all) {
      if (call.state === "open") this.cancel(call, "disconnected", message);
    }
  }

  /** Counts heap bytes that the input of a running handler holds. */
  holdInput(bytes: number): void {
    this.shared.inputs.held += bytes;
  }

  /** Stops counting them, which may let others enter. */
  releaseInput(bytes: number): void {
    this.shared.inputs.held -= bytes;
    this.resume();
  }

  /** Enters waiting handlers while there is room. */
  resume(): void {
    this.#gate?.resume();
    this.#notifications?.resume();
  }

  /** Cancels all calls when the connection or a grace period has ended. */
  end(code: "disconnected" | "unavailable", message: string): void {
    this.#reader?.drop();
    this.#gate?.clear();
    for (const call of this.calls.all) {
      this.cancel(call, code, message);
    }
    if (this.calls.size > 0) this.responses.end(code);
    else this.#responses?.end(code);
  }
}

/** Returns the error for a call whose handler was never entered. */
function unprocessed({ code, message, retry }: CallError): CallError {
  return new CallError(message, {
    code,
    processed: "no",
    retry: code === "unavailable" ? "now" : retry,
  });
}
