/**
 * The calls that this side makes: how they start, how replies and items are
 * received, and how each call settles exactly once.
 *
 * @module
 */
import type { CallError } from "../../errors/call_error.ts";
import { sendsItems } from "./call_state.ts";
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
import { INITIAL_PEER_LIMITS } from "../wire/limits.ts";
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
import { type QueueOwner, RequestQueue } from "./request_queue.ts";
import {
  dropQueued,
  receiveCredit,
  wakeBlocked,
} from "../flow/waiting_items.ts";
import { endItems, receiveItem } from "../flow/received_items.ts";
import { Flag, FRAME_CHARGE, Kind, putU16 } from "../wire/frame_header.ts";

export { type CallerObserver, type OpenOptions, OutgoingCall };

/** Host that {@linkcode OutgoingCalls.reportRoom} notifies. */
export interface RoomHost {
  /** Called when {@linkcode OutgoingCalls.mayNotify} is `true`. */
  onRoom(): void;
}

type Target = Pick<OpenOptions, "method" | "info">;

/** Error for calls made before the handshake permits them. */
const NOT_OPEN: CallError = sessionUnavailable(
  "the handshake is not complete; wait until the session is open",
);

/** The calling half of a session. */
export class OutgoingCalls implements QueueOwner, OutgoingCallOwner {
  /**
   * Calls in flight by id. A cancelled call stays until the callee's RESULT or
   * ERROR arrives.
   */
  readonly calls: CallTable<OutgoingCall> = new CallTable();
  /** Requests and notifications waiting to be sent. */
  readonly queue: RequestQueue;
  /**
   * Error for new calls. It is set until the handshake permits calls, and again
   * once the session drains or ends.
   */
  closed: CallError | undefined = NOT_OPEN;
  /** Methods that the peer does not serve, by index, with the reason. */
  unserved: ReadonlyMap<number, UnservedReason> = new Map();
  #nextId: number;
  readonly #shared: SharedState;
  readonly #host: RoomHost;

  /**
   * @param shared state that the session's parts share
   * @param firstId 1 for a client, 2 for a server
   * @param host is notified when a notification can be sent without being queued
   */
  constructor(shared: SharedState, firstId: number, host: RoomHost) {
    this.#shared = shared;
    this.#host = host;
    this.#nextId = firstId;
    this.queue = new RequestQueue(shared, this);
  }

  /**
   * Permits calls. By now a client has sent HELLO, or a server has accepted the
   * client.
   */
  permit(): void {
    if (this.closed === NOT_OPEN) this.closed = undefined;
  }

  /**
   * Applies the credit that the peer's HELLO grants. Calls that started before
   * the HELLO arrived receive the difference from the initial credit.
   */
  applyPeerLimits({ connectionWindow, streamWindow }: Hello): void {
    for (const call of this.calls.all) {
      if (!sendsItems(call.info.shape)) continue;
      call.credit += streamWindow - INITIAL_PEER_LIMITS.streamWindow;
    }
    // Grant this credit last: it starts queued calls, which receive the whole
    // stream window immediately.
    this.queue.grant(connectionWindow - INITIAL_PEER_LIMITS.connectionWindow);
    this.#shared.writer.drain();
    wakeBlocked(this.#shared);
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
    this.#checkOpen(options);
    const call = new OutgoingCall(this, this.#shared, options);
    const wait = this.queue.mustWait || !this.hasFreeSlot;
    const id = wait ? 0 : this.#nextId;
    const sent = this.#write(Kind.REQUEST, id, options, wait);
    if (timeout !== Infinity) {
      this.#shared.timerWheel.add(call, this.#shared.now + timeout);
    }
    if (typeof sent === "number") {
      this.queue.credit -= sent;
      this.onStarting(call);
      this.onSent(call);
    } else {this.#enqueue(
        { kind: Kind.REQUEST, bytes: sent, call },
        options,
        wait,
      );}
    return call;
  }

  /**
   * Sends a notification, or queues it.
   *
   * @throws {CallError} `unimplemented`, `unavailable`, `disconnected`,
   * `overloaded` or `too-large`
   * @throws {CodecError} if the codec cannot encode the input
   */
  notify(options: Omit<OpenOptions, "observer" | "timeout">): void {
    this.#checkOpen(options);
    const wait = this.queue.mustWait;
    const message = { ...options, timeout: Infinity };
    const sent = this.#write(Kind.NOTIFY, 0, message, wait);
    if (typeof sent === "number") this.queue.credit -= sent;
    else this.#enqueue({ kind: Kind.NOTIFY, bytes: sent }, options, wait);
  }

  /**
   * Whether a notification can be sent now. This requires an empty queue,
   * credit, and space in the send budget for notifications.
   */
  get mayNotify(): boolean {
    return this.closed === undefined && !this.queue.mustWait &&
      this.#shared.writer.notifications.hasRoom;
  }

  /** Notifies the host if a notification can be sent. */
  reportRoom(): void {
    if (this.mayNotify) this.#host.onRoom();
  }

  /** Adds a WINDOW frame's credit for requests and notifications. */
  grant(amount: number): void {
    this.queue.grant(amount);
    this.reportRoom();
  }

  /**
   * Sends a notification whose body is already encoded, as for a broadcast.
   *
   * @throws {CallError} `unimplemented`, `unavailable`, `disconnected`,
   * `overloaded` or `too-large`
   */
  notifyEncoded(method: number, info: MethodInfo, body: Uint8Array): void {
    this.#checkServed({ method, info });
    const { writer } = this.#shared;
    writer.checkSize(body.length);
    const bytes = new Uint8Array(4 + body.length); // u16 method, no fields, body
    putU16(bytes, 0, method);
    bytes.set(body, 4);
    const wait = this.queue.mustWait;
    if (wait || bytes.length > writer.maxFrameBody) {
      return this.#enqueue({ kind: Kind.NOTIFY, bytes }, { info }, wait);
    }
    writer.frame(Kind.NOTIFY, 0, 0, bytes);
    writer.notifications.add(bytes.length + FRAME_CHARGE);
    this.queue.credit -= bytes.length + FRAME_CHARGE;
  }

  #checkServed({ method, info }: Target): void {
    const reason = this.unserved.get(method);
    if (reason !== undefined) throw unservedError(info.name, reason);
    if (this.closed !== undefined) throw errorForNew(this.closed, info.name);
  }

  #checkOpen(target: Target): void {
    this.#checkServed(target);
    if (this.#shared.writer.congested) {
      const { limits, writer } = this.#shared;
      throw overloaded(
        target.info.name,
        `${writer.unsent} bytes are unsent (limit unsentSoft, ${limits.unsentSoft})`,
      );
    }
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

  #enqueue(
    { kind, bytes, call }: {
      kind: number;
      bytes: Uint8Array;
      call?: OutgoingCall;
    },
    { info }: { info: MethodInfo },
    wait: boolean,
  ): void {
    const full = wait ? this.queue.fullFor(bytes.length) : undefined;
    if (full !== undefined) {
      if (call !== undefined) this.#shared.timerWheel.remove(call);
      throw overloaded(info.name, full);
    }
    this.queue.put({ kind, bytes, call, offset: 0 });
  }

  /** @inheritdoc */
  get hasFreeSlot(): boolean {
    return this.calls.size < this.#shared.peerMaxCalls;
  }

  /** @inheritdoc */
  onStarting(call: OutgoingCall): void {
    call.id = this.#nextId;
    this.#nextId += 2;
    this.calls.add(call);
    call.on("send");
    if (sendsItems(call.info.shape)) {
      call.credit = this.#shared.peerStreamWindow;
    } else call.on("end");
  }

  /** @inheritdoc */
  onSent(call: OutgoingCall): void {
    call.requestEnd = this.#shared.writer.position;
    if (call.endRequested) this.endItems(call);
    else if (call.state === "open") call.observer.onSendable();
  }

  /** Ends the items that this side sends; the call continues. */
  endItems(call: OutgoingCall): void {
    if (call.state === "queued" || call.state === "open" && !call.sent) {
      call.endRequested = true;
      return;
    }
    if (!call.on("end")) return;
    const { writer } = this.#shared;
    if (call.sendQueue === undefined) writer.frame(Kind.END, 0, call.id);
    else writer.queue(call, Kind.END, new Uint8Array(0));
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
    const reply = assembleReply(this.#shared, call, frame);
    if (reply === undefined) return;
    if (more) {
      if (!(reply instanceof Uint8Array)) this.giveUp(call, reply);
      return;
    }
    // The frame is terminal even if it is not valid, so no CANCEL is sent.
    const interruptsItem = call.receiveWindow?.partial !== undefined;
    this.#finish(call);
    if (!(reply instanceof Uint8Array)) failReply(this.#shared, call, reply);
    else if (kind === Kind.ERROR) deliverError(this.#shared, call, reply);
    else deliverResult(this.#shared, call, reply, interruptsItem);
  }

  /** Handles an ITEM frame for one of this side's calls. */
  receiveItem(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call !== undefined) receiveItem(this.#shared, call, frame);
  }

  /** Handles a CREDIT frame for one of this side's calls. */
  receiveCredit(id: number, amount: number): void {
    const call = this.#find(id);
    if (call !== undefined) receiveCredit(this.#shared, call, amount);
  }

  /**
   * Returns the call, or `undefined` if it is over. A frame with an id that was
   * never used closes the connection.
   */
  #find(id: number): OutgoingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id >= this.#nextId) {
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
    const started = call.state !== "queued";
    // The callee cannot handle a REQUEST that it did not receive completely.
    const processed = call.sent ? "maybe" : "no";
    if (!call.on("cancel")) return;
    if (code === "malformed") this.#shared.stats.malformedCalls++;
    // Write CANCEL first: if this REQUEST is incomplete, CANCEL must come
    // before the next REQUEST or NOTIFY.
    if (started) this.#writeCancel(call, code === "deadline" ? 1 : 0);
    this.#release(call);
    call.receiveWindow?.clear(); // received items are no longer delivered
    call.observer.onFailed(
      callError(call, message, { code, processed, cause }),
    );
    this.reportRoom();
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
    this.#shared.writer.drain();
  }

  /** Frees everything that the call holds except for its slot. */
  #release(call: OutgoingCall): void {
    const { timerWheel, blocked } = this.#shared;
    timerWheel.remove(call);
    this.queue.drop(call);
    dropQueued(this.#shared, call);
    dropReply(this.#shared, call);
    endItems(this.#shared, call.receiveWindow);
    if (blocked.size > 0 && blocked.delete(call)) call.observer.onSendable();
  }

  /**
   * Fails the calls that have not started, and all calls above `lastId`. A
   * draining peer handles none of them. Queued notifications may still be sent.
   */
  refuseAbove(lastId: number, closed: CallError): void {
    this.closed = closed;
    for (const call of this.queue.unstarted) this.#drop(call, closed, "no");
    for (const call of this.calls.all) {
      if (call.id <= lastId) continue;
      if (!call.sent && !call.over) this.#writeCancel(call, 0); // queued notifications may follow
      this.#drop(call, closed, "no");
    }
  }

  /**
   * Fails every call because the connection has ended.
   *
   * @param error the error from which the calls' errors are derived
   * @param flushed whether unsent bytes will still be sent
   */
  end(error: CallError, flushed: boolean): void {
    this.closed = error;
    for (const call of this.queue.unstarted) this.#drop(call, error, "no");
    for (const call of this.calls.all) {
      const leaves = call.sent &&
        (flushed || this.#shared.writer.isHandedOver(call.requestEnd));
      this.#drop(call, error, leaves ? "maybe" : "no");
    }
    this.queue.clear();
  }

  #drop(call: OutgoingCall, error: CallError, processed: "no" | "maybe"): void {
    const notified = call.over;
    call.on("terminal");
    this.calls.delete(call.id);
    this.#release(call);
    if (!notified) {
      call.observer.onFailed(errorForUnsettled(call, error, processed));
    }
  }
}
