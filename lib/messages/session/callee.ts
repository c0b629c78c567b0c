/**
 * The calls that the peer has made: requests as they come in, calls that are
 * being handled, and what goes back.
 *
 * @module
 */
import { CallError } from "../errors.ts";
import { Assembly } from "./assembly.ts";
import {
  CALLEE,
  type CallEvent,
  type CallState,
  receivesItems,
  sendsItems,
} from "./call_state.ts";
import { encodeErrorHead } from "./error_frame.ts";
import {
  type Fields,
  MalformedError,
  NO_FIELDS,
  readFields,
} from "./fields.ts";
import type { MethodInfo } from "./hello.ts";
import { Inbox } from "./inbox.ts";
import type { Link, StreamCall, StreamObserver } from "./link.ts";
import { RateLimit } from "./rate_limit.ts";
import { RequestReader } from "./request_reader.ts";
import {
  creditOf,
  discardItems,
  endItems,
  messageOf,
  receiveCredit,
  receiveItem,
} from "./streams.ts";
import { Timed } from "./wheel.ts";
import { getU16, HEADER, Kind } from "./wire.ts";
import type { Pending } from "./writer.ts";

/** Why a call need not be finished. */
export type CancelReason =
  | "cancelled"
  | "deadline"
  | "disconnected"
  | "drained";

/** Told what the caller does. */
export interface CalleeObserver extends StreamObserver {
  /** Nobody waits for the result any more; the handler's signal fires. */
  onCancelled(reason: CancelReason, message: string): void;
  /** What was to be sent could not be encoded; the call has ended with `internal`. */
  onUnsendable(error: unknown): CallError;
}

/** Takes requests and notifications. */
export interface RequestHost {
  /**
   * A call is to be handled. The body is valid during the call. Whoever handles
   * it sets `call.observer` first.
   */
  onRequest(call: IncomingCall, body: Uint8Array): void;
  /** A notification has come. The body is valid during the call. */
  onNotified(method: number, body: Uint8Array, fields: Readonly<Fields>): void;
}

/** A method of the peer's list, as this side serves it. */
export interface ServedMethod {
  /** Index in this side's own table. */
  readonly index: number;
  /** The method. */
  readonly info: MethodInfo;
}

/** A call of the peer's. */
export class IncomingCall extends Timed implements StreamCall {
  readonly id: number;
  credit: number;
  pending: Pending[] | undefined = undefined;
  state: CallState = "open";
  inbox: Inbox | undefined = undefined;
  observer: CalleeObserver = UNOBSERVED;
  /** When the caller's deadline is, ms on the session's clock, or `Infinity`. */
  deadlineAt = Infinity;
  /** The method, by its index in this side's table. */
  readonly method: ServedMethod;
  /** Deadline, metadata. */
  readonly fields: Readonly<Fields>;
  readonly #callee: Callee;

  constructor(
    callee: Callee,
    id: number,
    request: { method: ServedMethod; fields: Readonly<Fields>; credit: number },
  ) {
    super();
    this.#callee = callee;
    this.id = id;
    this.method = request.method;
    this.fields = request.fields;
    this.credit = request.credit;
  }

  /** @inheritdoc */
  get maySend(): boolean {
    return (this.state === "open" || this.state === "ended") &&
      receivesItems(this.method.info.shape);
  }

  /** Moves on, or says that the event is not allowed. */
  on(event: CallEvent): boolean {
    const next = CALLEE[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** @inheritdoc */
  broken(message: string): void {
    this.#callee.broken(this, message);
  }

  /** @inheritdoc */
  override expire(): void {
    this.#callee.cancel(this, "deadline", "the time for the call ran out");
  }
}

const UNOBSERVED: CalleeObserver = {
  onItem() {},
  onItemsEnded() {},
  onSendable() {},
  onCancelled() {},
  onUnsendable: (cause) =>
    new CallError("internal", "Cannot send the result", { cause }),
};

/** The handling half of a session. */
export class Callee {
  /** Calls that hold a place. */
  readonly calls: Map<number, IncomingCall> = new Map();
  /** Highest id of a call that was taken. */
  lastTaken = 0;
  /** Calls above this id are not taken any more. */
  lastAllowed = Infinity;
  /** The peer's list of methods, each with what serves it here, if anything. */
  methods: readonly (ServedMethod | MethodInfo)[] = [];
  #waiting: { call: IncomingCall; value: unknown; fields: Uint8Array }[] = [];
  readonly #cancels: RateLimit;
  readonly #reader: RequestReader;
  readonly #link: Link;
  readonly #host: RequestHost;

  /**
   * @param link shared by the session's parts
   * @param firstId 2 for the side that dialled, 1 for the other
   * @param host takes requests
   */
  constructor(link: Link, firstId: number, host: RequestHost) {
    this.#link = link;
    this.#host = host;
    const { cancelsPerSecond, maxCalls } = link.limits;
    this.#cancels = new RateLimit(
      cancelsPerSecond,
      Math.max(cancelsPerSecond, maxCalls),
    );
    this.#reader = new RequestReader(link, firstId, {
      request: (id, body) => this.#request(id, body),
      notify: (body) => this.#notify(body),
      refused: (id, error) => this.#refuse(id, error),
    });
  }

  /** Takes a REQUEST or NOTIFY frame. */
  receiveRequest(kind: number, id: number, frame: Uint8Array): void {
    this.#reader.receive(kind, id, frame);
  }

  #request(id: number, body: Uint8Array): void {
    if (id > this.lastAllowed) {
      this.#link.stats.lateFrames++;
      return;
    }
    this.lastTaken = id;
    const method = this.methods[getU16(body, 0)];
    if (method === undefined || !("index" in method)) {
      const name = method?.name ?? `number ${getU16(body, 0)}`;
      return this.#refuse(
        id,
        new CallError("unimplemented", `there is no method ${name} here`),
      );
    }
    const { info } = method;
    if (info.shape === "notification") {
      return this.#refuse(
        id,
        new CallError(
          "unimplemented",
          `${info.name} is a notification: it is sent with NOTIFY`,
        ),
      );
    }
    if (this.calls.size >= this.#link.limits.maxCalls) {
      return this.#refuse(
        id,
        new CallError(
          "overloaded",
          `more than ${this.#link.limits.maxCalls} calls are in flight`,
          { retry: "later" },
        ),
      );
    }
    let end: number;
    let fields: Readonly<Fields>;
    try {
      ({ end, fields } = readFields(body, 2));
    } catch (error) {
      return this.#refuse(
        id,
        new CallError(
          "malformed",
          `the request is malformed: ${messageOf(error)}`,
        ),
      );
    }
    this.#enter(id, method, body.subarray(end), fields);
  }

  #enter(
    id: number,
    method: ServedMethod,
    body: Uint8Array,
    fields: Readonly<Fields>,
  ): void {
    const link = this.#link;
    const credit = link.peerStreamWindow;
    const call = new IncomingCall(this, id, { method, fields, credit });
    const { streamWindow, maxStreamWindow } = link.limits;
    if (sendsItems(method.info.shape)) {
      call.inbox = new Inbox(streamWindow, maxStreamWindow, link.pool);
    } else call.on("end");
    this.calls.set(id, call);
    if (fields.timeout !== Infinity) {
      call.deadlineAt = link.now + fields.timeout;
      link.wheel.add(call, call.deadlineAt);
    }
    this.#host.onRequest(call, body);
  }

  #notify(body: Uint8Array): void {
    const method = this.methods[getU16(body, 0)];
    try {
      if (
        method === undefined || !("index" in method) ||
        method.info.shape !== "notification"
      ) throw new MalformedError("there is no such notification here");
      const { end, fields } = readFields(body, 2);
      this.#host.onNotified(method.index, body.subarray(end), fields);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Nobody waits for an answer: it is counted, and that is all there is to do.
      this.#link.stats.malformedCalls++;
    }
  }

  /** A call that never reaches its handler. */
  #refuse(id: number, error: CallError): void {
    this.lastTaken = Math.max(this.lastTaken, id);
    this.#link.stats.refusedCalls++;
    const refusal = new CallError(error.code, error.message, {
      processed: "no",
      retry: error.retry,
    });
    this.#link.writer.frame(Kind.ERROR, 0, id, encodeErrorHead(refusal));
  }

  /** Ends a call with its result; one that waits for room keeps its place. */
  respond(
    call: IncomingCall,
    value: unknown,
    fields: Uint8Array = NO_FIELDS,
  ): void {
    if (call.state === "done") return;
    if (call.state === "cancelled") return this.#failCancelled(call);
    if (this.#link.writer.congested) {
      this.#waiting.push({ call, value, fields });
      return;
    }
    this.#writeResult(call, value, fields);
  }

  #writeResult(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    const { writer } = this.#link;
    const start = writer.beginMessage(Kind.RESULT, call.id, fields);
    const at = writer.putFields(start, Infinity, fields);
    const wait = call.pending !== undefined;
    let sent: number | Uint8Array;
    try {
      sent = receivesItems(call.method.info.shape)
        ? writer.emptyMessage(at, wait)
        : writer.message(at, value, wait);
    } catch (error) {
      return this.fail(call, call.observer.onUnsendable(error));
    }
    if (typeof sent !== "number") writer.queue(call, Kind.RESULT, sent);
    this.#settle(call);
  }

  /** Ends a call with an error. */
  fail(call: IncomingCall, error: CallError): void {
    if (call.state === "done") return;
    const { writer } = this.#link;
    // What the caller does not wait for any more need not reach it first.
    if (call.state === "cancelled") writer.drop(call);
    const body = errorBody(error, writer.codec);
    if (call.pending !== undefined || body.length > writer.maxFrameBody) {
      writer.queue(call, Kind.ERROR, body);
    } else writer.frame(Kind.ERROR, 0, call.id, body);
    this.#settle(call);
  }

  #failCancelled(call: IncomingCall): void {
    this.fail(
      call,
      new CallError(
        "cancelled",
        "the call was cancelled while it was handled",
        {
          processed: "yes",
        },
      ),
    );
  }

  #settle(call: IncomingCall): void {
    call.on("settle");
    this.#release(call);
    this.calls.delete(call.id);
  }

  #release(call: IncomingCall): void {
    this.#link.wheel.remove(call);
    this.#link.blocked.delete(call);
    endItems(this.#link, call.inbox);
    call.inbox?.clear();
  }

  /** Takes a CANCEL frame: a hint, so the handler is told and the place is held until it settles. */
  receiveCancel(id: number, frame: Uint8Array): void {
    if (!this.#cancels.take(this.#link.now)) {
      return this.#link.fail(
        "too-many",
        `more than ${this.#link.limits.cancelsPerSecond} calls a second were cancelled`,
      );
    }
    if (this.#reader.cancel(id)) {
      return this.#refuse(
        id,
        new CallError(
          "cancelled",
          "the call was cancelled before it was whole",
        ),
      );
    }
    const call = this.#find(id);
    if (call === undefined) return;
    const deadline = frame[HEADER] === 1;
    this.cancel(
      call,
      deadline ? "deadline" : "cancelled",
      deadline ? "the time for the call ran out" : "the caller cancelled",
    );
  }

  /** Nobody waits for the call any more. */
  cancel(call: IncomingCall, reason: CancelReason, message: string): void {
    if (!call.on("cancel")) return;
    this.#link.wheel.remove(call);
    this.#link.writer.drop(call);
    endItems(this.#link, call.inbox);
    call.observer.onCancelled(reason, message);
    call.observer.onItemsEnded();
    if (this.#link.blocked.delete(call)) call.observer.onSendable();
  }

  /** The caller broke the rules of this call: it ends here, the connection lives on. */
  broken(call: IncomingCall, message: string): void {
    if (call.state === "cancelled" || call.state === "done") {
      this.#link.stats.lateFrames++;
      return;
    }
    this.#link.stats.malformedCalls++;
    const processed = "maybe";
    this.cancel(call, "cancelled", message);
    this.fail(call, new CallError("malformed", message, { processed }));
  }

  /** Takes an END frame. */
  receiveEnd(id: number): void {
    const call = this.#find(id);
    if (call === undefined || call.state === "cancelled") return;
    if (!call.on("end") || call.inbox?.partial !== undefined) {
      return this.broken(call, "the end of the items is not allowed here");
    }
    endItems(this.#link, call.inbox);
    call.observer.onItemsEnded();
  }

  /** Takes an ITEM frame. */
  receiveItem(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call === undefined) return;
    if (call.state === "cancelled") {
      this.#link.stats.lateFrames++;
      return;
    }
    receiveItem(this.#link, call, frame);
  }

  /** Takes a CREDIT frame. */
  receiveCredit(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call !== undefined) receiveCredit(this.#link, call, frame);
    else if (creditOf(frame) === 0) {
      this.#link.fail("flow-control", "a CREDIT frame is malformed");
    }
  }

  #find(id: number): IncomingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id > this.#reader.lastId) {
      this.#link.fail("protocol", `there is no call ${id} yet`);
    } else this.#link.stats.lateFrames++;
    return undefined;
  }

  /** After a write: results that waited for room. */
  drain(): void {
    while (this.#waiting.length > 0 && !this.#link.writer.congested) {
      const { call, value, fields } = this.#waiting.shift()!; // the loop's condition
      if (call.state === "cancelled") this.#failCancelled(call);
      else if (call.state !== "done") this.#writeResult(call, value, fields);
    }
  }

  /** The handler wants no more items: those that wait are dropped, and no more is granted. */
  dropItems(call: IncomingCall): void {
    discardItems(this.#link, call.inbox);
  }

  /** The connection is gone, or a drain's grace is over. */
  end(reason: "disconnected" | "drained", message: string): void {
    this.#reader.drop();
    this.#waiting = [];
    for (const call of [...this.calls.values()]) {
      this.cancel(call, reason, message);
      call.inbox?.clear();
    }
  }
}

function errorBody(
  error: CallError,
  codec: Link["writer"]["codec"],
): Uint8Array {
  const head = encodeErrorHead(error);
  if (error.data === undefined) return head;
  const data = codec.encode(error.data);
  const body = new Uint8Array(head.length + data.length);
  body.set(head);
  body.set(data, head.length);
  return body;
}
