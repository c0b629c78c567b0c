/**
 * The calls that the peer has made: requests as they come in, and calls that
 * are being handled.
 *
 * @module
 */
import { CallError, type CallErrorCode } from "../../errors/call_error.ts";
import { ResponseWriter } from "./response_writer.ts";
import { CallTable } from "./call_table.ts";
import {
  type Fields,
  FIELDS_OF,
  fieldsEnd,
  MalformedError,
  readFields,
} from "../wire/fields.ts";
import type { MethodInfo } from "../wire/hello.ts";
import {
  type CalleeObserver,
  type CancelReason,
  IncomingCall,
  type IncomingCallOwner,
  type ServedMethod,
} from "./incoming_call.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { messageOf } from "../wire/malformed_error.ts";
import { TokenBucket } from "../time/token_bucket.ts";
import { RequestReader, type RequestSink } from "./request_reader.ts";
import {
  dropWaiting,
  endItems,
  receiveCredit,
  receiveItem,
} from "../flow/stream_items.ts";
import { getU16, HEADER } from "../wire/frame_header.ts";

export {
  type CalleeObserver,
  type CancelReason,
  IncomingCall,
  type ServedMethod,
};

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

/** Code of the error that ends a cancelled call, where the handler has nothing to say. */
const VERDICTS: Readonly<Record<CancelReason, CallErrorCode>> = {
  cancelled: "cancelled",
  deadline: "deadline",
  disconnected: "disconnected",
  drained: "unavailable",
};

/** The handling half of a session. */
export class IncomingCalls implements RequestSink, IncomingCallOwner {
  /** Calls that hold a place. */
  readonly calls: CallTable<IncomingCall> = new CallTable();
  /** How calls end. */
  readonly answers: ResponseWriter;
  /** Requests as they come in. */
  readonly reader: RequestReader;
  /** Shared by the session's parts. */
  readonly shared: SharedState;
  /** Highest id of a call that was taken. */
  lastTaken = 0;
  /** Calls above this id are not taken any more. */
  lastAllowed = Infinity;
  /** The peer's list of methods, each with what serves it here, if anything. */
  methods: readonly (ServedMethod | MethodInfo)[] = [];
  readonly #cancels: TokenBucket;
  readonly #host: RequestHost;

  /**
   * @param link shared by the session's parts
   * @param firstId 2 for the side that dialled, 1 for the other
   * @param host takes requests
   */
  constructor(shared: SharedState, firstId: number, host: RequestHost) {
    this.shared = shared;
    this.#host = host;
    const { cancelsPerSecond, maxCalls } = shared.limits;
    this.#cancels = new TokenBucket(
      cancelsPerSecond,
      Math.max(cancelsPerSecond, maxCalls),
    );
    this.reader = new RequestReader(shared, firstId, this);
    this.answers = new ResponseWriter(shared, this.calls);
  }

  // ── beginning ──────────────────────────────────────────────────────────

  /** @inheritdoc */
  request(id: number, body: Uint8Array): void {
    if (id > this.lastAllowed) {
      this.shared.stats.lateFrames++;
      return;
    }
    const method = this.methods[getU16(body, 0)];
    const refusal = this.#refusal(method, getU16(body, 0));
    if (refusal !== undefined) return this.refused(id, refusal);
    let end: number;
    let fields: Readonly<Fields>;
    try {
      end = fieldsEnd(body, 2);
      fields = readFields(
        body,
        2,
        end,
        FIELDS_OF.REQUEST,
        this.shared.limits.maxMetadata,
      );
    } catch (error) {
      const message = `the request is malformed: ${messageOf(error)}`;
      return this.refused(id, new CallError("malformed", message));
    }
    if (fields.timeout === 0) {
      const message = "the time for the call had run out when it came";
      return this.refused(id, new CallError("deadline", message));
    }
    // #refusal has seen that it is served here.
    this.#enter(id, method as ServedMethod, fields, body.subarray(end));
  }

  /** Why a request for this method is not taken, if it is not. */
  #refusal(
    method: ServedMethod | MethodInfo | undefined,
    number: number,
  ): CallError | undefined {
    if (method === undefined || !("index" in method)) {
      const name = method?.name ?? `number ${number}`;
      return new CallError("unimplemented", `there is no method ${name} here`);
    }
    if (method.info.shape === "notification") {
      const message = `${method.info.name} is sent with NOTIFY`;
      return new CallError("unimplemented", message);
    }
    const { maxCalls } = this.shared.limits;
    if (this.calls.size + this.answers.unsettled < maxCalls) return undefined;
    const message = `more than ${maxCalls} calls are in flight`;
    return new CallError("overloaded", message, { retry: "later" });
  }

  #enter(
    id: number,
    method: ServedMethod,
    fields: Readonly<Fields>,
    body: Uint8Array,
  ): void {
    this.lastTaken = id;
    const call = new IncomingCall(this, id, method, fields);
    this.calls.add(call);
    if (fields.timeout !== Infinity) {
      call.deadlineAt = this.shared.now + fields.timeout;
      this.shared.wheel.add(call, call.deadlineAt);
    }
    this.#host.onRequest(call, body);
  }

  /** @inheritdoc */
  refused(id: number, error: CallError): void {
    if (id > this.lastAllowed) { // as one that is whole
      this.shared.stats.lateFrames++;
      return;
    }
    this.lastTaken = Math.max(this.lastTaken, id);
    this.answers.refuse(id, error);
  }

  /** @inheritdoc */
  notify(body: Uint8Array): void {
    const method = this.methods[getU16(body, 0)];
    try {
      if (
        method === undefined || !("index" in method) ||
        method.info.shape !== "notification"
      ) throw new MalformedError("there is no such notification here");
      const end = fieldsEnd(body, 2);
      const { maxMetadata } = this.shared.limits;
      const fields = readFields(body, 2, end, FIELDS_OF.NOTIFY, maxMetadata);
      this.#host.onNotified(method.index, body.subarray(end), fields);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      // Nobody waits for an answer: it is counted, and that is all there is to do.
      this.shared.stats.malformedCalls++;
    }
  }

  // ── what the caller does then ──────────────────────────────────────────

  /** Takes a CANCEL frame: a hint, so the handler is told and the place is held until it settles. */
  receiveCancel(id: number, frame: Uint8Array): void {
    const deadline = frame[HEADER] === 1;
    const message = deadline
      ? "the time for the call ran out"
      : "the caller cancelled";
    const code = deadline ? "deadline" : "cancelled";
    if (this.reader.holds(id)) {
      if (!this.#mayCancel()) return;
      this.reader.drop();
      return this.refused(id, new CallError(code, `${message} early`));
    }
    const call = this.#find(id);
    if (call === undefined || call.state === "cancelled") return;
    if (this.#mayCancel()) this.cancel(call, code, message);
  }

  /**
   * Handlers that are entered to be cancelled cost work that no limit on calls
   * in flight sees. A CANCEL that comes too late costs nothing: at a deadline
   * both sides act, and the callee is often first.
   */
  #mayCancel(): boolean {
    if (this.#cancels.take(this.shared.now)) return true;
    this.shared.fail(
      "too-many",
      `more than ${this.shared.limits.cancelsPerSecond} calls a second were cancelled`,
    );
    return false;
  }

  /** @inheritdoc */
  cancel(call: IncomingCall, reason: CancelReason, message: string): void {
    const verdict = new CallError(VERDICTS[reason], message, {
      processed: "yes",
    });
    if (call.state === "answered") return this.answers.cutShort(call, verdict);
    if (!call.on("cancel")) return;
    const { wheel, blocked } = this.shared;
    call.verdict = verdict;
    wheel.remove(call);
    dropWaiting(this.shared, call);
    endItems(this.shared, call.receiveWindow);
    call.receiveWindow?.clear(); // nobody is given what has come
    call.observer.onCancelled(reason, message);
    call.observer.onItemsEnded();
    if (blocked.delete(call)) call.observer.onSendable();
  }

  /** @inheritdoc */
  broken(
    call: IncomingCall,
    code: "malformed" | "overloaded",
    message: string,
  ): void {
    if (code === "malformed") this.shared.stats.malformedCalls++;
    this.cancel(call, "cancelled", message);
    if (call.state !== "cancelled") return; // the handler settled when it was told
    const retry = code === "overloaded" ? "later" : "never";
    this.answers.endNow(call, new CallError(code, message, { retry }));
  }

  /** @inheritdoc */
  flushed(call: IncomingCall): void {
    this.answers.flushed(call);
  }

  /** Takes an END frame. */
  receiveEnd(id: number): void {
    const call = this.#find(id);
    if (call === undefined) return;
    if (call.over) {
      this.shared.stats.lateFrames++;
      return;
    }
    if (call.receiveWindow?.partial !== undefined || !call.on("end")) {
      return call.broken("malformed", "the items may not end here");
    }
    endItems(this.shared, call.receiveWindow);
    call.observer.onItemsEnded();
  }

  /** Takes an ITEM frame. */
  receiveItem(id: number, frame: Uint8Array): void {
    const call = this.#find(id);
    if (call !== undefined) receiveItem(this.shared, call, frame);
  }

  /** Takes a CREDIT frame. */
  receiveCredit(id: number, amount: number): void {
    const call = this.#find(id);
    if (call !== undefined) receiveCredit(this.shared, call, amount);
  }

  #find(id: number): IncomingCall | undefined {
    const call = this.calls.get(id);
    if (call !== undefined) return call;
    if (id > this.reader.lastId) {
      this.shared.fail("protocol", `there is no call ${id} yet`);
    } else this.shared.stats.lateFrames++;
    return undefined;
  }

  /** The connection is gone, or a drain's grace is over. */
  end(reason: "disconnected" | "drained", message: string): void {
    this.reader.drop();
    for (const call of this.calls.all) {
      this.cancel(call, reason, message);
    }
    this.answers.end();
  }
}
