/**
 * The one terminal frame that each call of the peer's gets: when it leaves,
 * and what stands in it.
 *
 * ```text
 *  handler settles ──▶ much is unsent? ──▶ wait, unencoded
 *                           │ no              │ room
 *                           ▼                 ▼
 *                      RESULT or ERROR, behind the items that still wait ──▶ place free
 * ```
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import { receivesItems } from "./call_state.ts";
import type { CallTable } from "./call_table.ts";
import { encodeError, encodeErrorHead } from "../wire/error_frame.ts";
import type { IncomingCall } from "./incoming_call.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { dropWaiting, endItems } from "../flow/stream_items.ts";
import { Kind } from "../wire/frame_header.ts";

/** An answer that waits for room. */
interface Waiting {
  readonly call: IncomingCall;
  readonly value: unknown;
  readonly fields: Uint8Array;
  readonly error: CallError | undefined;
}

/** Ends calls of the peer's. */
export class ResponseWriter {
  #waiting: Waiting[] = [];
  /** Calls that have ended for the caller, who broke their rules, while their handlers still run. */
  readonly #unsettled: Set<IncomingCall> = new Set();
  readonly #shared: SharedState;
  readonly #calls: CallTable<IncomingCall>;

  /**
   * @param link shared by the session's parts
   * @param calls those that hold a place
   */
  constructor(shared: SharedState, calls: CallTable<IncomingCall>) {
    this.#shared = shared;
    this.#calls = calls;
  }

  /** Handlers that run although their call has ended: each holds a place as if it had not. */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** Ends a call with its result; one that waits for room keeps its place. */
  respond(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    if (call.verdict !== undefined) return this.fail(call, call.verdict);
    if (!this.#mayEnd(call)) return;
    if (this.#shared.writer.resultsWait) {
      this.#waiting.push({ call, value, fields, error: undefined });
    } else this.#writeResult(call, value, fields);
  }

  /** Ends a call with an error. */
  fail(call: IncomingCall, error: CallError): void {
    if (!this.#mayEnd(call)) return;
    if (this.#shared.writer.resultsWait) {
      const value = undefined;
      this.#waiting.push({ call, value, fields: NOTHING, error });
    } else this.#writeError(call, error);
  }

  /** Whether a call has not been ended yet. */
  #mayEnd(call: IncomingCall): boolean {
    if (this.#unsettled.delete(call)) return false;
    return call.state !== "answered" && call.state !== "done";
  }

  /** Ends a call although its handler runs on. */
  endNow(call: IncomingCall, error: CallError): void {
    this.#unsettled.add(call);
    this.#writeError(call, error);
  }

  /** A call that never reaches its handler. */
  refuse(id: number, { code, message, retry }: CallError): void {
    this.#shared.stats.refusedCalls++;
    const refusal = new CallError(code, message, { processed: "no", retry });
    this.#shared.writer.frame(Kind.ERROR, 0, id, encodeErrorHead(refusal));
  }

  /** After a write: answers that waited for room. */
  drain(): void {
    while (this.#waiting.length > 0 && !this.#shared.writer.resultsWait) {
      const { call, value, fields, error } = this.#waiting.shift()!; // the loop's condition
      if (!this.#mayEnd(call)) continue;
      const failure = error ?? call.verdict;
      if (failure !== undefined) this.#writeError(call, failure);
      else this.#writeResult(call, value, fields);
    }
  }

  #writeResult(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    const { writer } = this.#shared;
    const wait = call.sendQueue !== undefined;
    let sent: number | Uint8Array;
    try {
      const start = writer.beginMessage(Kind.RESULT, call.id, fields);
      const at = writer.putFields(start, Infinity, fields);
      sent = receivesItems(call.method.info.shape)
        ? writer.emptyMessage(at, wait)
        : writer.message(at, value, wait);
    } catch (error) {
      return this.#writeError(call, call.observer.onUnsendable(error));
    }
    this.#settled(call);
    if (typeof sent === "number") this.flushed(call);
    else writer.queue(call, Kind.RESULT, sent);
  }

  #writeError(call: IncomingCall, error: CallError): void {
    const { writer } = this.#shared;
    // What the caller does not wait for any more need not reach it first.
    if (call.state === "cancelled") dropWaiting(this.#shared, call);
    const body = this.#errorBody(call, error);
    this.#settled(call);
    if (call.sendQueue === undefined && body.length <= writer.maxFrameBody) {
      writer.frame(Kind.ERROR, 0, call.id, body);
      this.flushed(call);
    } else writer.queue(call, Kind.ERROR, body);
  }

  /** The error, or if its data cannot be sent, the one that says so. */
  #errorBody(call: IncomingCall, error: CallError): Uint8Array {
    const { writer } = this.#shared;
    try {
      const body = encodeError(error, writer.codec);
      writer.checkSize(body.length);
      return body;
    } catch (cause) {
      return encodeErrorHead(call.observer.onUnsendable(cause));
    }
  }

  /** The handler has settled: nothing is received any more. */
  #settled(call: IncomingCall): void {
    call.on("settle");
    this.#shared.blocked.delete(call);
    // Items that wait encoded still leave, and the terminal frame behind them.
    if (call.sendQueue === undefined) dropWaiting(this.#shared, call);
    endItems(this.#shared, call.receiveWindow);
    call.receiveWindow?.clear();
  }

  /** The terminal frame has been sent: the place is free. */
  flushed(call: IncomingCall): void {
    if (!call.on("sent")) return;
    this.#shared.wheel.remove(call);
    this.#calls.delete(call.id);
  }

  /**
   * The call is cancelled while its terminal frame waits. Items in front of it
   * may never get credit now: they go, and so does a result without them.
   */
  cutShort(call: IncomingCall, verdict: CallError): void {
    if (!call.sendQueue?.holdsItems) return;
    dropWaiting(this.#shared, call);
    this.#shared.writer.frame(Kind.ERROR, 0, call.id, encodeErrorHead(verdict));
    this.flushed(call);
  }

  /** Forgets what waits: there is nobody to send it to. */
  end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#unsettled.clear();
    for (const { call } of waiting) this.#settled(call);
    for (const call of this.#calls.all) {
      if (call.state !== "answered") continue;
      this.#shared.writer.drop(call);
      this.flushed(call);
    }
  }
}

const NOTHING = new Uint8Array(0);
