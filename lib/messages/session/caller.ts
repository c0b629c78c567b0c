/**
 * The calls that this side has made: requests that wait for their turn, calls
 * in flight, and what comes back.
 *
 * @module
 */
import { CallError, type CallErrorOptions } from "../errors.ts";
import { Assembly } from "./assembly.ts";
import {
  CALLER,
  type CallEvent,
  type CallState,
  receivesItems,
  sendsItems,
} from "./call_state.ts";
import { decodeError } from "./error_frame.ts";
import { type Fields, MalformedError, readFields } from "./fields.ts";
import type { MethodInfo } from "./hello.ts";
import { Inbox } from "./inbox.ts";
import { INITIAL_PEER_LIMITS } from "./limits.ts";
import type { Link, StreamCall, StreamObserver } from "./link.ts";
import {
  endItems,
  messageOf,
  receiveCredit,
  receiveItem,
  wakeBlocked,
} from "./streams.ts";
import { Timed } from "./wheel.ts";
import type { Pending } from "./writer.ts";
import { Flag, FRAME_CHARGE, HEADER, Kind, putU16, putU32 } from "./wire.ts";

/** Told what becomes of a call. Exactly one of `onResult` and `onFailed` is called, once. */
export interface CallerObserver extends StreamObserver {
  /** The result; the bytes are valid during the call. */
  onResult(body: Uint8Array, fields: Readonly<Fields>): void;
  /** There will be none. */
  onFailed(error: CallError): void;
}

/** What a call is opened with. */
export interface OpenOptions {
  /** Index of the method in this side's HELLO. */
  readonly method: number;
  /** That method. */
  readonly info: MethodInfo;
  /** The input. */
  readonly value: unknown;
  /** Whether there is an input at all; the shapes with items may do without. */
  readonly hasValue: boolean;
  /** Milliseconds until the deadline, or `Infinity`. */
  readonly timeout: number;
  /** Further fields, encoded. */
  readonly fields: Uint8Array;
  /** Who is told. */
  readonly observer: CallerObserver;
}

/** A call of this side's. */
export class OutgoingCall extends Timed implements StreamCall {
  id = 0;
  credit = 0;
  pending: Pending[] | undefined = undefined;
  state: CallState = "queued";
  inbox: Inbox | undefined = undefined;
  /** Position in the outgoing bytes behind the REQUEST. */
  requestEnd = Infinity;
  /** A result whose frames are still coming. */
  reply: Assembly | undefined = undefined;
  readonly info: MethodInfo;
  readonly observer: CallerObserver;
  readonly #caller: Caller;

  constructor(caller: Caller, info: MethodInfo, observer: CallerObserver) {
    super();
    this.#caller = caller;
    this.info = info;
    this.observer = observer;
  }

  /** @inheritdoc */
  get maySend(): boolean {
    return this.state === "open" && this.requestEnd !== Infinity;
  }

  /** Moves on, or says that the event is not allowed. */
  on(event: CallEvent): boolean {
    const next = CALLER[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** @inheritdoc */
  broken(message: string): void {
    this.#caller.giveUp(this, "malformed", message);
  }

  /** @inheritdoc */
  override expire(): void {
    this.#caller.giveUp(this, "deadline", "the time for the call ran out");
  }
}

/** A request or notification that waits for credit, for a place, or for its last frames. */
interface Queued extends Pending {
  readonly call: OutgoingCall | undefined;
}

/** The calling half of a session. */
export class Caller {
  /** Calls in flight by id, cancelled ones included until the callee has answered. */
  readonly calls: Map<number, OutgoingCall> = new Map();
  /** Credit for REQUEST and NOTIFY frames. */
  credit: number = INITIAL_PEER_LIMITS.connectionWindow;
  /** Set once no more calls may begin, with the error that they get. */
  closed: CallError | undefined = undefined;
  #nextId: number;
  #queue: Queued[] = [];
  #queuedBytes = 0;
  readonly #link: Link;

  /**
   * @param link shared by the session's parts
   * @param firstId 1 for the side that dialled, 2 for the other
   */
  constructor(link: Link, firstId: number) {
    this.#link = link;
    this.#nextId = firstId;
  }

  /** The peer has said what it grants; calls that began before count from there too. */
  raise(connection: number, stream: number): void {
    this.credit += connection;
    for (const call of this.calls.values()) {
      if (sendsItems(call.info.shape)) call.credit += stream;
    }
    wakeBlocked(this.#link);
  }

  /** Whether a notification may leave now: none waits, there is credit, and little is unsent. */
  get mayNotify(): boolean {
    return this.closed === undefined && !this.#mustWait() &&
      this.#link.writer.bulkOpen;
  }

  /**
   * Sends a notification whose body has been encoded before, for many at once.
   *
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   */
  notifyEncoded(method: number, info: MethodInfo, body: Uint8Array): void {
    this.#checkOpen(info.name);
    const { writer } = this.#link;
    writer.checkSize(body.length);
    const bytes = new Uint8Array(4 + body.length); // u16 method, no fields, body
    putU16(bytes, 0, method);
    bytes.set(body, 4);
    if (this.#mustWait() || bytes.length > writer.maxFrameBody) {
      this.#enqueue({ kind: Kind.NOTIFY, bytes, call: undefined, offset: 0 });
    } else {
      writer.frame(Kind.NOTIFY, 0, 0, bytes);
      this.credit -= bytes.length + FRAME_CHARGE;
    }
  }

  /** Calls and notifications that wait to be sent. */
  get queued(): number {
    return this.#queue.length;
  }

  /**
   * Begins a call.
   *
   * @throws {CallError} `unavailable`, `overloaded`, `too-large`
   * @throws {CodecError} for an input that has no encoding
   */
  open(options: OpenOptions): OutgoingCall {
    const { info, observer, timeout } = options;
    this.#checkOpen(info.name);
    const call = new OutgoingCall(this, info, observer);
    const wait = this.#mustWait() ||
      this.calls.size >= this.#link.peerMaxCalls;
    if (!wait) call.id = this.#nextId;
    const sent = this.#write(Kind.REQUEST, call.id, options, wait);
    if (typeof sent === "number") {
      this.credit -= sent;
      this.#started(call);
      this.#requestSent(call);
    } else this.#enqueue({ kind: Kind.REQUEST, bytes: sent, call, offset: 0 });
    if (timeout !== Infinity) {
      this.#link.wheel.add(call, this.#link.now + timeout);
    }
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
    const sent = this.#write(
      Kind.NOTIFY,
      0,
      { ...options, timeout: Infinity },
      this.#mustWait(),
    );
    if (typeof sent === "number") this.credit -= sent;
    else {
      this.#enqueue({
        kind: Kind.NOTIFY,
        bytes: sent,
        call: undefined,
        offset: 0,
      });
    }
  }

  #checkOpen(method: string): void {
    if (this.closed !== undefined) throw withMethod(this.closed, method);
    if (this.#link.writer.congested) {
      throw overloaded(method, "more is unsent than the limit unsentSoft");
    }
  }

  #mustWait(): boolean {
    return this.#queue.length > 0 || this.credit <= 0;
  }

  #write(
    kind: number,
    id: number,
    options: Omit<OpenOptions, "observer">,
    wait: boolean,
  ): number | Uint8Array {
    const { writer } = this.#link;
    const start = writer.beginMessage(kind, id, options.fields);
    putU16(writer.buffer, start, options.method);
    const at = writer.putFields(start + 2, options.timeout, options.fields);
    return options.hasValue
      ? writer.message(at, options.value, wait)
      : writer.emptyMessage(at, wait);
  }

  #enqueue(message: Queued): void {
    const { maxQueuedCalls, unsentSoft } = this.#link.limits;
    if (
      this.#queue.length >= maxQueuedCalls ||
      (this.#queue.length > 0 &&
        this.#queuedBytes + message.bytes.length > unsentSoft)
    ) {
      throw overloaded(
        message.call?.info.name ?? "",
        "too many calls wait for a place or for credit",
      );
    }
    this.#queuedBytes += message.bytes.length;
    this.#queue.push(message);
    this.drain();
  }

  /** Sends what may leave: one message after the other, never two at a time. */
  drain(): void {
    const { writer } = this.#link;
    while (this.credit > 0 && writer.bulkOpen) {
      const message = this.#queue[0];
      if (message === undefined || !this.#mayStart(message)) return;
      this.credit -= writer.fragment(message, message.call?.id ?? 0);
      if (message.offset < message.bytes.length) continue;
      this.#dequeue(message);
      if (message.call !== undefined) this.#requestSent(message.call);
    }
  }

  /** Gives a request its id when its first frame is written, so that ids on the wire rise. */
  #mayStart({ call, offset, bytes }: Queued): boolean {
    if (call === undefined || offset > 0) return true;
    if (this.calls.size >= this.#link.peerMaxCalls) return false;
    call.id = this.#nextId;
    this.#started(call);
    if (call.slot >= 0) {
      // The time it waited is gone: DEADLINE is always the first field, behind u16 method, u16 length.
      const left = Math.max(0, Math.ceil(call.dueAt - this.#link.now));
      putU32(bytes, 7, left);
    }
    return true;
  }

  #started(call: OutgoingCall): void {
    this.#nextId += 2;
    call.on("send");
    this.calls.set(call.id, call);
    const { shape } = call.info;
    if (!sendsItems(shape)) call.on("end");
    else call.credit = this.#link.peerStreamWindow;
    if (receivesItems(shape)) call.inbox = this.#newInbox();
  }

  #newInbox(): Inbox {
    const { streamWindow, maxStreamWindow } = this.#link.limits;
    return new Inbox(streamWindow, maxStreamWindow, this.#link.pool);
  }

  #requestSent(call: OutgoingCall): void {
    call.requestEnd = this.#link.writer.position;
    if (call.state === "open") call.observer.onSendable();
  }

  #dequeue(message: Queued): void {
    const index = this.#queue.indexOf(message);
    if (index < 0) return;
    this.#queue.splice(index, 1);
    this.#queuedBytes -= message.bytes.length;
  }

  #dequeueCall(call: OutgoingCall): void {
    const message = this.#queue.find((queued) => queued.call === call);
    if (message !== undefined) this.#dequeue(message);
  }

  /** Ends our items; the callee goes on. */
  endItems(call: OutgoingCall): void {
    if (call.state !== "open") return;
    const { writer } = this.#link;
    if (call.pending !== undefined) {
      writer.queue(call, Kind.END, new Uint8Array(0));
    } else writer.frame(Kind.END, 0, call.id);
    call.on("end");
  }

  /** Ends the call from this side: the observer hears now, the callee gets a CANCEL. */
  giveUp(
    call: OutgoingCall,
    code: "cancelled" | "deadline" | "malformed" | "too-large" | "overloaded",
    message: string,
    cause?: unknown,
  ): void {
    const queued = call.state === "queued";
    if (!call.on("cancel")) return;
    if (code === "malformed") this.#link.stats.malformedCalls++;
    this.#dequeueCall(call);
    this.#release(call);
    if (!queued) {
      const reason = code === "deadline" ? 1 : 0;
      this.#link.writer.frame(
        Kind.CANCEL,
        0,
        call.id,
        Uint8Array.of(reason),
      );
    }
    call.observer.onFailed(
      callError(call, code, message, {
        processed: queued ? "no" : "maybe",
        cause,
      }),
    );
  }

  /** Frees what the call holds, but for its place. */
  #release(call: OutgoingCall): void {
    const { wheel, writer, blocked } = this.#link;
    wheel.remove(call);
    writer.drop(call);
    if (call.reply !== undefined) {
      wheel.remove(call.reply);
      call.reply.drop();
      call.reply = undefined;
    }
    endItems(this.#link, call.inbox);
    if (blocked.delete(call)) call.observer.onSendable();
  }

  /** Takes a RESULT or ERROR frame, or a part of one. */
  receiveReply(kind: number, id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call === undefined) return;
    const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
    if (call.state === "cancelled") {
      this.#link.stats.lateFrames++;
      if (!more) this.#finish(call);
      return;
    }
    const body = this.#assemble(call, frame, more);
    if (body === undefined) return;
    const cutItem = call.inbox?.partial !== undefined;
    this.#finish(call);
    if (kind === Kind.RESULT && cutItem) {
      return this.#malformed(
        call,
        new MalformedError("it came in the middle of an item"),
      );
    }
    if (kind === Kind.RESULT) this.#result(call, body);
    else this.#failed(call, body);
  }

  /** The whole body, once it is whole. */
  #assemble(
    call: OutgoingCall,
    frame: Uint8Array,
    more: boolean,
  ): Uint8Array | undefined {
    const part = frame.subarray(HEADER);
    if (!more && call.reply === undefined) return part;
    const { budget, limits, wheel, now } = this.#link;
    if (call.reply === undefined) {
      call.reply = new Assembly(
        budget,
        limits,
        () =>
          call.broken(
            `the reply was not whole after ${limits.assemblyTimeout} ms`,
          ),
      );
      wheel.add(call.reply, now + limits.assemblyTimeout);
    }
    const fault = call.reply.add(part);
    if (fault !== undefined) {
      this.giveUp(
        call,
        fault === "over-budget" ? "overloaded" : "too-large",
        `the reply is ${fault} (limit maxMessage is ${limits.maxMessage} bytes)`,
      );
      // This frame may have been the last: then the call owes nothing more.
      if (!more) this.#finish(call);
      return undefined;
    }
    if (more) return undefined;
    wheel.remove(call.reply);
    const body = call.reply.finish();
    call.reply = undefined;
    return body;
  }

  #result(call: OutgoingCall, body: Uint8Array): void {
    let end: number;
    let fields: Readonly<Fields>;
    try {
      ({ end, fields } = readFields(body, 0));
    } catch (error) {
      return this.#malformed(call, error);
    }
    call.observer.onResult(body.subarray(end), fields);
  }

  #failed(call: OutgoingCall, body: Uint8Array): void {
    let error: CallError;
    try {
      error = decodeError(body, this.#link.writer.codec, call.info.name);
    } catch (cause) {
      return this.#malformed(call, cause);
    }
    call.observer.onFailed(error);
  }

  #malformed(call: OutgoingCall, cause: unknown): void {
    if (!(cause instanceof MalformedError)) throw cause;
    this.#link.stats.malformedCalls++;
    const message = `the reply is malformed: ${messageOf(cause)}`;
    call.observer.onFailed(callError(call, "malformed", message, { cause }));
  }

  /** The callee has answered: the place is free. */
  #finish(call: OutgoingCall): void {
    call.on("terminal");
    this.calls.delete(call.id);
    this.#dequeueCall(call);
    this.#release(call);
    this.drain();
  }

  /** Takes an ITEM frame for one of our calls. */
  receiveItem(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call === undefined) return;
    if (call.state === "cancelled") {
      this.#link.stats.lateFrames++;
      return;
    }
    receiveItem(this.#link, call, frame);
  }

  /** Takes a CREDIT frame for one of our calls. */
  receiveCredit(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call !== undefined) receiveCredit(this.#link, call, frame);
  }

  /** The call, or nothing for one that is over; an id that was never used is the peer's fault. */
  #find(id: number): OutgoingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id >= this.#nextId) {
      this.#link.fail("protocol", `there is no call ${id} yet`);
    } else this.#link.stats.lateFrames++;
    return undefined;
  }

  /** The peer drains: calls above `lastId` were not and will not be run. */
  refuseAbove(lastId: number, closed: CallError): void {
    this.closed = closed;
    for (const message of this.#queue.slice()) {
      if (message.call === undefined) this.#dequeue(message);
      else if (message.offset === 0) this.#drop(message.call, closed, "no");
    }
    for (const call of [...this.calls.values()]) {
      if (call.id > lastId) this.#drop(call, closed, "no");
    }
  }

  /** The connection is gone: everything settles. */
  end(error: CallError): void {
    this.closed = error;
    for (const message of this.#queue.slice()) {
      if (message.call !== undefined && message.offset === 0) {
        this.#drop(message.call, error, "no");
      }
    }
    this.#queue = [];
    for (const call of [...this.calls.values()]) {
      const processed = this.#link.writer.handed(call.requestEnd)
        ? "maybe"
        : "no";
      this.#drop(call, error, processed);
    }
  }

  #drop(
    call: OutgoingCall,
    error: CallError,
    processed: "no" | "maybe",
  ): void {
    const told = call.state === "cancelled";
    call.on("terminal");
    this.calls.delete(call.id);
    this.#dequeueCall(call);
    this.#release(call);
    if (told) return;
    const retry = processed === "no" ? "now" : "never";
    call.observer.onFailed(
      callError(call, error.code, error.message, {
        processed,
        retry,
        cause: error.cause,
      }),
    );
  }
}

function callError(
  call: OutgoingCall,
  code: CallError["code"],
  message: string,
  options: CallErrorOptions,
): CallError {
  return new CallError(code, `${call.info.name}: ${message}`, {
    method: call.info.name,
    ...options,
  });
}

function withMethod(error: CallError, method: string): CallError {
  return new CallError(error.code, error.message, {
    method,
    processed: "no",
    retry: error.retry,
    cause: error.cause,
  });
}

function overloaded(method: string, why: string): CallError {
  return new CallError("overloaded", `Cannot call ${method}: ${why}`, {
    method,
    processed: "no",
    retry: "later",
  });
}
