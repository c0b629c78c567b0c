/**
 * The calls that this side has made: how they begin, what comes back, and how
 * each of them settles exactly once.
 *
 * @module
 */
import type { CallError } from "../../errors/call_error.ts";
import { sendsItems } from "./call_state.ts";
import { CallTable } from "./call_table.ts";
import {
  callError,
  errorForNew,
  overloaded,
  unsettled,
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
} from "./reply_reader.ts";
import { type QueueOwner, RequestQueue } from "./request_queue.ts";
import {
  dropWaiting,
  endItems,
  receiveCredit,
  receiveItem,
  wakeBlocked,
} from "../flow/stream_items.ts";
import { Flag, FRAME_CHARGE, Kind, putU16 } from "../wire/frame_header.ts";

export { type CallerObserver, type OpenOptions, OutgoingCall };

/** The calling half of a session. */
export class OutgoingCalls implements QueueOwner, OutgoingCallOwner {
  /** Calls in flight by id, cancelled ones included until the callee has answered. */
  readonly calls: CallTable<OutgoingCall> = new CallTable();
  /** What waits to be sent. */
  readonly queue: RequestQueue;
  /** Set once no more calls may begin, with the error that they get. */
  closed: CallError | undefined = undefined;
  #nextId: number;
  readonly #shared: SharedState;

  /**
   * @param link shared by the session's parts
   * @param firstId 1 for the side that dialled, 2 for the other
   */
  constructor(shared: SharedState, firstId: number) {
    this.#shared = shared;
    this.#nextId = firstId;
    this.queue = new RequestQueue(shared, this);
  }

  /** The peer has said what it grants; calls that began before count from there too. */
  raise({ connectionWindow, streamWindow }: Hello): void {
    for (const call of this.calls.all) {
      if (!sendsItems(call.info.shape)) continue;
      call.credit += streamWindow - INITIAL_PEER_LIMITS.streamWindow;
    }
    // Last: it lets calls begin, which have all of their credit from the start.
    this.queue.grant(connectionWindow - INITIAL_PEER_LIMITS.connectionWindow);
    this.#shared.writer.drain();
    wakeBlocked(this.#shared);
  }

  // ── beginning ──────────────────────────────────────────────────────────

  /**
   * Begins a call.
   *
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   * @throws {CodecError} for an input that has no encoding
   */
  open(options: OpenOptions): OutgoingCall {
    const { timeout } = options;
    this.#checkOpen(options.info.name);
    const call = new OutgoingCall(this, this.#shared, options);
    const wait = this.queue.mustWait || !this.hasPlace;
    const id = wait ? 0 : this.#nextId;
    const sent = this.#write(Kind.REQUEST, id, options, wait);
    if (timeout !== Infinity) {
      this.#shared.wheel.add(call, this.#shared.now + timeout);
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
   * Sends a notification.
   *
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   * @throws {CodecError} for an input that has no encoding
   */
  notify(options: Omit<OpenOptions, "observer" | "timeout">): void {
    this.#checkOpen(options.info.name);
    const wait = this.queue.mustWait;
    const message = { ...options, timeout: Infinity };
    const sent = this.#write(Kind.NOTIFY, 0, message, wait);
    if (typeof sent === "number") this.queue.credit -= sent;
    else this.#enqueue({ kind: Kind.NOTIFY, bytes: sent }, options, wait);
  }

  /** Whether a notification may leave now: none waits, there is credit, and there is room. */
  get mayNotify(): boolean {
    return this.closed === undefined && !this.queue.mustWait &&
      this.#shared.writer.notifications.open;
  }

  /**
   * Sends a notification whose body has been encoded before, for many at once.
   *
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   */
  notifyEncoded(method: number, info: MethodInfo, body: Uint8Array): void {
    if (this.closed !== undefined) throw errorForNew(this.closed, info.name);
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

  #checkOpen(method: string): void {
    if (this.closed !== undefined) throw errorForNew(this.closed, method);
    if (this.#shared.writer.congested) {
      throw overloaded(method, "more is unsent than the limit unsentSoft");
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
      if (call !== undefined) this.#shared.wheel.remove(call);
      throw overloaded(info.name, full);
    }
    this.queue.put({ kind, bytes, call, offset: 0 });
  }

  /** @inheritdoc */
  get hasPlace(): boolean {
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
    if (call.endAsked) this.endItems(call);
    else if (call.state === "open") call.observer.onSendable();
  }

  /** Ends our items; the callee goes on. */
  endItems(call: OutgoingCall): void {
    if (call.state === "queued" || call.state === "open" && !call.sent) {
      call.endAsked = true;
      return;
    }
    if (!call.on("end")) return;
    const { writer } = this.#shared;
    if (call.sendQueue === undefined) writer.frame(Kind.END, 0, call.id);
    else writer.queue(call, Kind.END, new Uint8Array(0));
  }

  // ── what comes back ────────────────────────────────────────────────────

  /** Takes a RESULT or ERROR frame, or a part of one. */
  receiveReply(kind: number, id: number, frame: Uint8Array): void {
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
    if (!(reply instanceof Uint8Array)) {
      this.giveUp(call, reply);
      // This frame may have been the last: then the callee owes nothing more.
      if (!more) this.#finish(call);
      return;
    }
    const cutItem = call.receiveWindow?.partial !== undefined;
    this.#finish(call);
    if (kind === Kind.ERROR) deliverError(this.#shared, call, reply);
    else deliverResult(this.#shared, call, reply, cutItem);
  }

  /** Takes an ITEM frame for one of our calls. */
  receiveItem(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call !== undefined) receiveItem(this.#shared, call, frame);
  }

  /** Takes a CREDIT frame for one of our calls. */
  receiveCredit(id: number, amount: number): void {
    const call = this.#find(id);
    if (call !== undefined) receiveCredit(this.#shared, call, amount);
  }

  /** The call, or nothing for one that is over; an id that was never used is the peer's fault. */
  #find(id: number): OutgoingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id >= this.#nextId) {
      this.#shared.fail("protocol", `there is no call ${id} yet`);
    } else this.#shared.stats.lateFrames++;
    return undefined;
  }

  // ── ends ───────────────────────────────────────────────────────────────

  /** Ends the call from this side: the observer hears now, the callee gets a CANCEL. */
  giveUp(call: OutgoingCall, { code, message, cause }: GiveUpReason): void {
    const started = call.state !== "queued";
    // What never was whole cannot be handled.
    const processed = call.sent ? "maybe" : "no";
    if (!call.on("cancel")) return;
    if (code === "malformed") this.#shared.stats.malformedCalls++;
    // First of all: behind a cut REQUEST nothing else may come.
    if (started) this.#writeCancel(call, code === "deadline" ? 1 : 0);
    this.#release(call);
    call.receiveWindow?.clear(); // nobody is given what has come
    call.observer.onFailed(
      callError(call, code, message, { processed, cause }),
    );
  }

  #writeCancel({ id }: OutgoingCall, reason: 0 | 1): void {
    const { writer } = this.#shared;
    const at = writer.begin(Kind.CANCEL, 0, id, 1);
    writer.buffer[at] = reason;
    writer.commit(at + 1);
  }

  /** The callee has answered: the place is free. */
  #finish(call: OutgoingCall): void {
    call.on("terminal");
    this.calls.delete(call.id);
    this.#release(call);
    this.#shared.writer.drain();
  }

  /** Frees what the call holds, but for its place. */
  #release(call: OutgoingCall): void {
    const { wheel, blocked } = this.#shared;
    wheel.remove(call);
    this.queue.drop(call);
    dropWaiting(this.#shared, call);
    dropReply(this.#shared, call);
    endItems(this.#shared, call.receiveWindow);
    if (blocked.size > 0 && blocked.delete(call)) call.observer.onSendable();
  }

  /** The peer drains: calls above `lastId` were not and will not be run. Notifications still may leave. */
  refuseAbove(lastId: number, closed: CallError): void {
    this.closed = closed;
    for (const call of this.queue.unstarted) this.#drop(call, closed, "no");
    for (const call of this.calls.all) {
      if (call.id <= lastId) continue;
      if (!call.sent && !call.over) this.#writeCancel(call, 0); // notifications may follow
      this.#drop(call, closed, "no");
    }
  }

  /**
   * The connection is gone: everything settles.
   *
   * @param error what calls fail with
   * @param flushed whether what is unsent will leave nevertheless
   */
  end(error: CallError, flushed: boolean): void {
    this.closed = error;
    for (const call of this.queue.unstarted) this.#drop(call, error, "no");
    for (const call of this.calls.all) {
      const leaves = call.sent &&
        (flushed || this.#shared.writer.handed(call.requestEnd));
      this.#drop(call, error, leaves ? "maybe" : "no");
    }
    this.queue.clear();
  }

  #drop(call: OutgoingCall, error: CallError, processed: "no" | "maybe"): void {
    const told = call.over;
    call.on("terminal");
    this.calls.delete(call.id);
    this.#release(call);
    if (!told) call.observer.onFailed(unsettled(call, error, processed));
  }
}
