/**
 * Writes the RESULT or ERROR that ends each of the peer's calls. The writer
 * also decides when to send that frame.
 *
 * ```text
 *  handler settles ──▶ too much unsent? ─yes─▶ wait, unencoded
 *                           │ no                  │ space
 *                           ▼                     ▼
 *                      RESULT or ERROR, after any queued items ──▶ slot free
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
import { dropQueued } from "../flow/waiting_items.ts";
import { endItems } from "../flow/received_items.ts";
import { Kind } from "../wire/frame_header.ts";

/** A response waiting for space to be sent. */
interface WaitingResponse {
  readonly call: IncomingCall;
  readonly value: unknown;
  readonly fields: Uint8Array;
  readonly error: CallError | undefined;
}

/** Writer of the responses that end the peer's calls. */
export class ResponseWriter {
  #waiting: WaitingResponse[] = [];
  /** Calls that {@linkcode ResponseWriter.failNow} ended before their handlers settled. */
  readonly #unsettled: Set<IncomingCall> = new Set();
  readonly #shared: SharedState;
  readonly #calls: CallTable<IncomingCall>;

  /**
   * @param shared state that the session's parts share
   * @param calls the calls that occupy a slot
   */
  constructor(shared: SharedState, calls: CallTable<IncomingCall>) {
    this.#shared = shared;
    this.#calls = calls;
  }

  /**
   * Number of handlers that are still running although their calls have ended.
   * Each one still occupies a slot.
   */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /**
   * Ends a call with its result. The call keeps its slot until the result is
   * sent.
   */
  respond(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    if (call.cancelled !== undefined) return this.fail(call, call.cancelled);
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
      this.#waiting.push({ call, value, fields: EMPTY, error });
    } else this.#writeError(call, error);
  }

  /** Returns whether the call still needs a RESULT or ERROR. */
  #mayEnd(call: IncomingCall): boolean {
    if (this.#unsettled.delete(call)) return false;
    return call.state !== "answered" && call.state !== "done";
  }

  /** Ends a call with an error while its handler is still running. */
  failNow(call: IncomingCall, error: CallError): void {
    this.#unsettled.add(call);
    this.#writeError(call, error);
  }

  /** Refuses a call before it reaches its handler. */
  refuse(id: number, { code, message, retry }: CallError): void {
    this.#shared.stats.refusedCalls++;
    const refusal = new CallError(message, { code, processed: "no", retry });
    this.#shared.writer.frame(Kind.ERROR, 0, id, encodeErrorHead(refusal));
  }

  /** Sends waiting responses while there is space. */
  drain(): void {
    while (this.#waiting.length > 0 && !this.#shared.writer.resultsWait) {
      const { call, value, fields, error } = this.#waiting.shift()!; // not empty: checked by the loop
      if (!this.#mayEnd(call)) continue;
      const failure = error ?? call.cancelled;
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
    // The caller has given up: drop queued items instead of sending them first.
    if (call.state === "cancelled") dropQueued(this.#shared, call);
    const body = this.#errorBody(call, error);
    this.#settled(call);
    if (call.sendQueue === undefined && body.length <= writer.maxFrameBody) {
      writer.frame(Kind.ERROR, 0, call.id, body);
      this.flushed(call);
    } else writer.queue(call, Kind.ERROR, body);
  }

  /** Encodes the error, or a substitute if its data cannot be sent. */
  #errorBody(call: IncomingCall, error: CallError): Uint8Array {
    const { writer } = this.#shared;
    try {
      const body = encodeError(
        error === call.cancelled ? asSettled(call, error) : error,
        writer.codec,
      );
      writer.checkSize(body.length);
      return body;
    } catch (cause) {
      return encodeErrorHead(call.observer.onUnsendable(cause));
    }
  }

  /** Marks the call as answered and stops receiving its items. */
  #settled(call: IncomingCall): void {
    call.on("settle");
    this.#shared.blocked.delete(call);
    // Encoded items are still sent, followed by the terminal frame.
    if (call.sendQueue === undefined) dropQueued(this.#shared, call);
    endItems(this.#shared, call.receiveWindow);
    call.receiveWindow?.clear();
  }

  /** Frees the slot once the terminal frame has been sent. */
  flushed(call: IncomingCall): void {
    if (!call.on("sent")) return;
    this.#shared.timerWheel.remove(call);
    this.#calls.delete(call.id);
    this.#shared.onCallEnded();
  }

  /**
   * Cancels a call whose terminal frame is waiting for earlier items. Those
   * items may never get credit, so they are dropped together with the result,
   * and the error is sent instead.
   */
  cancelResponse(call: IncomingCall, error: CallError): void {
    if (!call.sendQueue?.holdsItems) return;
    dropQueued(this.#shared, call);
    this.#shared.writer.frame(
      Kind.ERROR,
      0,
      call.id,
      encodeErrorHead(asSettled(call, error)),
    );
    this.flushed(call);
  }

  /** Drops the waiting responses when the session ends. */
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

/** Returns a cancelled call's error with the final value of `processed`. */
function asSettled(
  call: IncomingCall,
  { code, message }: CallError,
): CallError {
  const processed = call.entered ? "yes" : "no";
  return new CallError(message, { code, processed });
}

const EMPTY = new Uint8Array(0);
