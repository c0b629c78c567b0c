/**
 * The calls that this side makes: how they start, how replies and items are
 * received, and how each call settles exactly once.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { CallTable } from "./call_table.ts";
import {
  callError,
  errorForNew,
  errorForUnsettled,
  overloaded,
  sessionUnavailable,
  unservedError,
  type UnservedReason,
} from "./call_failures.ts";
import type { Hello, MethodInfo } from "../wire/hello.ts";
import { Account, type SendCredit } from "../flow/credit.ts";
import { QueueBudget } from "./message_queue.ts";
import {
  mustQueueNotifications,
  type NotificationObserver,
  type NotificationOwner,
  NotificationQueue,
  QueuedNotification,
} from "./notification_queue.ts";
import type { SharedState } from "../flow/shared_state.ts";
import {
  type CallerObserver,
  type GiveUpReason,
  type OpenOptions,
  OutgoingCall,
  type OutgoingCallOwner,
} from "./outgoing_call.ts";
import {
  assembleReply,
  deliverError,
  deliverResult,
  dropReply,
  failReply,
} from "./reply_reader.ts";
import { type CallStarter, RequestQueue } from "./request_queue.ts";
import {
  dropQueued,
  queueMessage,
  receiveCredit,
} from "../flow/outgoing_items.ts";
import { discardItems, endItems, receiveItem } from "../flow/received_items.ts";
import {
  Flag,
  FRAME_CHARGE,
  HEADER,
  Kind,
  putU16,
} from "../wire/frame_header.ts";

export {
  type CallerObserver,
  type NotificationObserver,
  type OpenOptions,
  OutgoingCall,
  QueuedNotification,
};

/** Receiver of the events of notifications. */
export interface NotifyHost {
  /** Called when {@linkcode OutgoingCalls.mayNotify} is `true`. */
  onRoom(): void;
  /**
   * Called when notifications are dropped.
   *
   * @param count number of notifications
   * @param error the reason
   */
  onDropped(count: number, error: CallError): void;
}

type Target = Pick<OpenOptions, "method" | "info">;

const NONE: ReadonlyMap<number, UnservedReason> = new Map();

/** The reason for giving up a call whose deadline has passed. */
const DEADLINE: GiveUpReason = {
  code: "deadline",
  message: "the deadline passed",
};

/** The reason for giving up a call whose RESULT came too early. */
const EARLY_RESULT: GiveUpReason = {
  code: "malformed",
  message: "RESULT arrived before the REQUEST was complete",
};

/** Error message for a CREDIT that came too early. */
const EARLY_CREDIT = "CREDIT arrived before the REQUEST was complete";

/** Error for calls made before the handshake permits them. */
const NOT_OPEN: CallError = /* @__PURE__ */ sessionUnavailable(
  "the handshake is not complete; wait until the session is open",
);

/** The calling half of a session. */
export class OutgoingCalls
  implements CallStarter, OutgoingCallOwner, NotificationOwner {
  /**
   * Calls in flight by id. A cancelled call stays until the callee's RESULT or
   * ERROR arrives.
   */
  readonly calls: CallTable<OutgoingCall> = new CallTable();
  /**
   * Error for new calls. It is set until the handshake permits calls, and again
   * once the session drains or ends.
   */
  closed: CallError | undefined = NOT_OPEN;
  /** Methods that the peer does not serve, by index, with the reason. */
  unserved: ReadonlyMap<number, UnservedReason> = NONE;
  #nextId: number;
  readonly #shared: SharedState;
  readonly #host: NotifyHost;

  // These parts are created on first use: a server may hold thousands of idle
  // sessions.

  #queue: RequestQueue | undefined = undefined;
  #notifications: NotificationQueue | undefined = undefined;
  #budget: QueueBudget | undefined = undefined;

  /**
   * @param shared state that the session's parts share
   * @param firstId 1 for a client, 2 for a server
   * @param host receives the events of notifications
   */
  constructor(shared: SharedState, firstId: number, host: NotifyHost) {
    this.#shared = shared;
    this.#host = host;
    this.#nextId = firstId;
  }

  /** Calls waiting to be started. */
  get queue(): RequestQueue {
    return this.#queue ??= new RequestQueue(
      this.#shared,
      this,
      this.#queueBudget,
    );
  }

  /** Notifications waiting to be sent. */
  get notifications(): NotificationQueue {
    return this.#notifications ??= new NotificationQueue(
      this.#shared,
      this.#queueBudget,
    );
  }

  get #queueBudget(): QueueBudget {
    return this.#budget ??= new QueueBudget(this.#shared.limits.maxQueuedBytes);
  }

  /** Number of calls waiting to be started. */
  get waiting(): number {
    return this.#queue?.length ?? 0;
  }

  /** Restarts the timers of these calls. */
  restartTimers(): void {
    this.#queue?.restartTimers();
  }

  /**
   * Permits calls. By now a client has sent HELLO, or a server has accepted the
   * client.
   */
  permit(): void {
    if (this.closed === NOT_OPEN) this.closed = undefined;
  }

  /**
   * Applies the credit that the peer's HELLO grants. Calls may have started
   * before it arrived.
   */
  applyPeerLimits(hello: Hello): void {
    const { writer, requestCredit, notifyCredit, itemCredit, unfinished } =
      this.#shared;
    unfinished.limit = hello.maxAssembly;
    for (const call of this.calls.all) {
      call.itemCredit?.raise(hello.streamWindow);
      if (call.sendQueue !== undefined) writer.resume(call.sendQueue);
    }
    itemCredit.raise(hello.itemsWindow);
    notifyCredit.raise(hello.notifyWindow);
    requestCredit.raise(hello.connectionWindow);
    for (const credit of [requestCredit, notifyCredit, itemCredit]) {
      credit.wake((sources) => writer.resumeAll(sources));
    }
    this.#queue?.resume();
  }

  // ── start ──────────────────────────────────────────────────────────────

  /**
   * Starts a call, or queues it.
   *
   * @throws {CallError} `unimplemented`, `unavailable`, `disconnected`,
   * `overloaded` or `too-large`
   * @throws {CodecError} if the codec cannot encode the input
   */
  open(options: OpenOptions): OutgoingCall {
    const { timeout } = options;
    this.#checkServed(options);
    const call = new OutgoingCall(this, this.#shared, options);
    const wait = this.queue.mustQueue;
    const id = wait ? 0 : this.#nextId;
    const sent = this.#write(Kind.REQUEST, id, options, wait);
    call.deadlineAt = this.#shared.now + timeout;
    const { callsMade } = this.#shared.stats;
    if (typeof sent === "number") {
      callsMade.started++;
      this.#shared.timerWheel.add(call, call.deadlineAt);
      this.#shared.requestCredit.charge(sent);
      this.start(call);
      call.onMessageSent(Kind.REQUEST);
      return call;
    }
    call.bytes = sent;
    const refusal = this.#queueBudget.refusal(call);
    if (refusal !== undefined) throw overloaded(options.info.name, refusal);
    callsMade.started++;
    this.queue.put(call);
    return call;
  }

  /**
   * Sends a notification, or queues it.
   *
   * @returns `undefined` if the notification was accepted; otherwise, it waits
   * for a place, and its observer is notified
   * @throws {CallError} `unimplemented`, `unavailable`, `disconnected`,
   * `overloaded` or `too-large`
   * @throws {CodecError} if the codec cannot encode the input
   */
  notify(
    options: Omit<OpenOptions, "observer">,
  ): QueuedNotification | undefined {
    this.#checkNotification(options);
    const { notifyCredit, now, timerWheel, writer } = this.#shared;
    const message = { ...options, timeout: Infinity }; // only calls have deadlines
    const wait = this.notifications.mustQueue;
    const sent = this.#write(Kind.NOTIFY, 0, message, wait);
    if (typeof sent === "number") {
      notifyCredit.charge(sent);
      writer.notifications.add(sent);
      return undefined;
    }
    const queued = this.#queueNotification(sent, options.info);
    if (queued !== undefined) timerWheel.add(queued, now + options.timeout);
    return queued;
  }

  #queueNotification(
    bytes: Uint8Array,
    info: MethodInfo,
  ): QueuedNotification | undefined {
    const message = new QueuedNotification(bytes, info, this);
    const refusal = this.#queueBudget.refusal(message);
    if (refusal !== undefined) {
      throw this.#dropped(1, overloaded(info.name, refusal));
    }
    return this.notifications.put(message) ? undefined : message;
  }

  /** @inheritdoc */
  notificationExpired(message: QueuedNotification): void {
    this.giveUpNotification(message, DEADLINE);
  }

  /** Gives up a notification that waits for a place. */
  giveUpNotification(
    message: QueuedNotification,
    { code, message: why, cause }: GiveUpReason,
  ): void {
    if (!this.notifications.giveUp(message)) return;
    message.observer?.onFailed(
      new CallError(`${message.info.name}: ${why}`, {
        code,
        method: message.info.name,
        processed: "no",
        cause,
      }),
    );
  }

  /** Counts and reports notifications that are dropped; returns the error. */
  #dropped(count: number, error: CallError): CallError {
    if (count === 0) return error;
    this.#shared.stats.droppedNotifications += count;
    this.#host.onDropped(count, error);
    return error;
  }

  /**
   * Whether a notification can be sent now. This requires an empty queue,
   * credit, and space in the send budget for notifications.
   */
  get mayNotify(): boolean {
    return this.closed === undefined && !this.#queuesNotifications &&
      this.#shared.writer.mayNotify;
  }

  /** Whether a notification must be queued. Creates no queue. */
  get #queuesNotifications(): boolean {
    return this.#notifications?.mustQueue ??
      mustQueueNotifications(this.#shared);
  }

  /** Number of queued calls and notifications. */
  get queued(): number {
    return this.waiting + (this.#notifications?.length ?? 0);
  }

  /** Bytes of the calls and notifications that wait to be sent. */
  get queuedBytes(): number {
    return this.#budget?.used ?? 0;
  }

  /** Notifies the host if a notification can be sent. */
  reportRoom(): void {
    if (this.mayNotify) this.#host.onRoom();
  }

  #account(account: number): SendCredit | undefined {
    const { requestCredit, notifyCredit, itemCredit } = this.#shared;
    switch (account) {
      case Account.REQUESTS:
        return requestCredit;
      case Account.NOTIFICATIONS:
        return notifyCredit;
      case Account.ITEMS:
        return itemCredit;
    }
  }

  /**
   * Handles a WINDOW frame; an account that this side does not know is ignored.
   *
   * @returns `false` if the total exceeds the highest credit
   */
  receiveWindow(account: number, total: number): boolean {
    const credit = this.#account(account);
    if (credit === undefined) return true;
    if (!credit.raise(total)) return false;
    credit.wake((sources) => this.#shared.writer.resumeAll(sources));
    this.reportRoom();
    return true;
  }

  /**
   * Sends a notification whose body is already encoded, as for a broadcast.
   *
   * @throws {CallError} `unimplemented`, `unavailable`, `disconnected`,
   * `overloaded` or `too-large`
   */
  notifyEncoded(method: number, info: MethodInfo, body: Uint8Array): void {
    this.#checkNotification({ method, info });
    const { writer } = this.#shared;
    writer.checkSize(body.length);
    const length = 4 + body.length; // u16 method, no fields, body
    const fits = length <= writer.peerLimits.maxFrameBody;
    if (this.#queuesNotifications || !fits) {
      const bytes = new Uint8Array(length);
      putU16(bytes, 0, method);
      bytes.set(body, 4);
      this.#queueNotification(bytes, info);
      return;
    }
    // Written in place: a broadcast sends the same body to many sessions.
    const at = writer.begin(Kind.NOTIFY, 0, 0, length);
    const { buffer } = writer;
    putU16(buffer, at, method);
    putU16(buffer, at + 2, 0);
    buffer.set(body, at + 4);
    writer.commit(at + length);
    writer.notifications.add(length + FRAME_CHARGE);
    this.#shared.notifyCredit.charge(length + FRAME_CHARGE);
  }

  #checkServed({ method, info }: Target): void {
    const reason = this.unserved.get(method);
    if (reason !== undefined) throw unservedError(info.name, reason);
    if (this.closed !== undefined) throw errorForNew(this.closed, info.name);
  }

  #checkNotification(target: Target): void {
    if (this.closed === undefined) return this.#checkServed(target);
    throw this.#dropped(1, errorForNew(this.closed, target.info.name));
  }

  #write(
    kind: number,
    id: number,
    options: Omit<OpenOptions, "observer">,
    wait: boolean,
  ): number | Uint8Array {
    const { writer } = this.#shared;
    const start = writer.beginMessage(kind, id, options.fields);
    putU16(writer.buffer, start, options.method);
    const at = writer.putFields(start + 2, options.timeout, options.fields);
    return options.hasValue
      ? writer.message(at, options.value, wait)
      : writer.emptyMessage(at, wait);
  }

  /** @inheritdoc */
  get hasFreeSlot(): boolean {
    return this.calls.size < this.#shared.writer.peerLimits.maxCalls;
  }

  /** @inheritdoc */
  start(call: OutgoingCall): void {
    call.id = this.#nextId;
    this.#nextId += 2;
    this.calls.add(call);
    call.itemCredit?.raise(this.#shared.writer.peerLimits.streamWindow);
  }

  /** @inheritdoc */
  onRequestSent(call: OutgoingCall): void {
    call.requestEnd = this.#shared.writer.position;
  }

  /** @inheritdoc */
  expired(call: OutgoingCall): void {
    if (this.#shared.now >= call.deadlineAt) return this.giveUp(call, DEADLINE);
    const { queueTimeout } = this.#shared.limits;
    this.giveUp(call, {
      code: "overloaded",
      message:
        `it could not be sent within ${queueTimeout} ms (limit queueTimeout): ${this.queue.reason}`,
    });
  }

  /** Ends the items that this side sends; the call continues. */
  endItems(call: OutgoingCall): void {
    if (!call.on("end")) return;
    if (call.started && call.sendQueue === undefined) {
      this.#shared.writer.frame(Kind.END, 0, call.id);
    } else queueMessage(this.#shared, call, { kind: Kind.END });
  }

  // ── replies and items ──────────────────────────────────────────────────

  /** Handles a RESULT or ERROR frame. */
  receiveReply(kind: number, id: number, frame: Uint8Array): void {
    this.#handleReply(kind, id, frame);
    this.#shared.onCallEnded();
  }

  #handleReply(kind: number, id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call === undefined) return;
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    if (call.over) {
      this.#shared.stats.lateFrames++;
      if (!more) this.#finish(call);
      return;
    }
    const reply = kind === Kind.RESULT && !call.sent
      ? EARLY_RESULT
      : assembleReply(this.#shared, call, frame);
    if (reply === undefined) return;
    if (more) {
      if (!(reply instanceof Uint8Array)) this.giveUp(call, reply);
      return;
    }
    if (kind === Kind.RESULT && call.sent) {
      const { writer } = this.#shared;
      writer.arrived = Math.max(writer.arrived, call.requestEnd);
    }
    // The frame is terminal even if it is not valid, so no CANCEL is sent.
    const interruptsItem = call.receiveWindow?.partial !== undefined;
    this.#finish(call);
    if (!(reply instanceof Uint8Array)) {
      return failReply(this.#shared, call, reply);
    }
    const at = reply === frame ? HEADER : 0;
    if (kind === Kind.ERROR) deliverError(this.#shared, call, reply, at);
    else deliverResult(this.#shared, call, reply, at, interruptsItem);
  }

  /** Handles an ITEM frame for one of this side's calls. */
  receiveItem(id: number, frame: Uint8Array): void {
    receiveItem(this.#shared, this.#find(id), frame);
  }

  /** Handles a CREDIT frame for one of this side's calls. */
  receiveCredit(id: number, total: number): void {
    const call = this.#find(id);
    if (call === undefined || call.over) return;
    if (call.sent) receiveCredit(this.#shared, call, total);
    else call.fail("malformed", EARLY_CREDIT);
  }

  /**
   * Returns the call, or `undefined` if it is over. A frame with an id that was
   * never used closes the connection.
   */
  #find(id: number): OutgoingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id >= this.#nextId || id === 0) {
      this.#shared.fail(
        "protocol",
        `a frame refers to call ${id}, which has not started`,
      );
    } else this.#shared.stats.lateFrames++;
    return undefined;
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /**
   * Ends the call on this side. Notifies the observer immediately and sends
   * CANCEL to the callee.
   */
  giveUp(call: OutgoingCall, { code, message, cause }: GiveUpReason): void {
    const { processed } = call;
    if (!call.on(call.started ? "cancel" : "terminal")) return;
    if (code === "malformed") this.#shared.stats.malformedCalls++;
    if (call.started) this.#writeCancel(call, code === "deadline" ? 1 : 0);
    this.#release(call);
    discardItems(this.#shared, call); // received items are no longer delivered
    call.failed(
      callError(call, message, { code, processed, cause }),
    );
  }

  /** @inheritdoc */
  dropUnread(call: OutgoingCall, { code, message }: GiveUpReason): void {
    discardItems(this.#shared, call);
    const error = callError(call, message, {
      code,
      processed: "yes",
      retry: "never", // the call has succeeded
    });
    call.observer.onItemsDropped(error);
  }

  #writeCancel({ id }: OutgoingCall, reason: 0 | 1): void {
    const { writer } = this.#shared;
    const at = writer.begin(Kind.CANCEL, 0, id, 1);
    writer.buffer[at] = reason;
    writer.commit(at + 1);
  }

  /** Frees the slot after the callee's RESULT or ERROR. */
  #finish(call: OutgoingCall): void {
    call.on("terminal");
    this.calls.delete(call.id);
    this.#release(call);
    this.#queue?.resume();
  }

  /** Frees everything that the call holds except for its slot. */
  #release(call: OutgoingCall): void {
    this.#shared.timerWheel.remove(call);
    if (!call.started) this.#queue?.drop(call);
    dropQueued(this.#shared, call);
    dropReply(call);
    endItems(this.#shared, call);
  }

  /**
   * Fails the calls that have not started, and all calls above `lastId`. A
   * draining peer handles none of them. Queued notifications may still be sent.
   */
  refuseAbove(lastId: number, closed: CallError): void {
    this.closed = closed;
    for (const call of this.#queue?.takeAll() ?? []) {
      this.#drop(call, closed, "no");
    }
    for (const call of this.calls.all) {
      if (call.id <= lastId) continue;
      if (!call.sent && !call.over) this.#writeCancel(call, 0); // queued notifications may follow
      this.#drop(call, closed, "no");
    }
  }

  /**
   * Fails every call because the session ends. Notifications stay in the queue.
   *
   * @param error the error from which the calls' errors are derived
   * @param flushed whether unsent bytes will still be sent
   */
  end(error: CallError, flushed: boolean): void {
    this.closed = error;
    for (const call of this.#queue?.takeAll() ?? []) {
      this.#drop(call, error, "no");
    }
    for (const call of this.calls.all) {
      const leaves = call.sent &&
        (flushed || this.#shared.writer.isHandedOver(call.requestEnd));
      this.#drop(call, error, leaves ? "maybe" : "no");
    }
  }

  /**
   * Fails the calls that were not sent, because a write has failed. Replies to
   * the others may have arrived.
   */
  endUnsent(error: CallError): void {
    this.closed = error;
    for (const call of this.#queue?.takeAll() ?? []) {
      this.#drop(call, error, "no");
    }
    for (const call of this.calls.all) {
      if (this.#shared.writer.isHandedOver(call.requestEnd)) continue;
      this.#drop(call, error, "no");
    }
  }

  /** Number of notifications that the transport has not taken. */
  get unsentNotifications(): number {
    const waiting = this.#notifications?.length ?? 0;
    return waiting + this.#shared.writer.unsentNotifications;
  }

  /**
   * Drops the notifications that were not sent.
   *
   * @param unsent number of notifications in the unsent bytes, if these bytes
   * are dropped too
   */
  dropNotifications(unsent: number, error: CallError): void {
    const waiting = this.#notifications?.takeWaiting() ?? [];
    const accepted = this.#notifications?.clear() ?? 0;
    this.#dropped(accepted + unsent, error);
    for (const { info, observer } of waiting) {
      const failure = this.#dropped(1, errorForNew(error, info.name));
      observer?.onFailed(failure);
    }
  }

  #drop(call: OutgoingCall, error: CallError, processed: "no" | "maybe"): void {
    const notified = call.over;
    call.on("terminal");
    this.calls.delete(call.id);
    this.#release(call);
    if (!notified) {
      call.failed(errorForUnsettled(call, error, processed));
    }
  }
}
