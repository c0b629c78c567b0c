/**
 * Writes the RESULT or ERROR that ends each of the peer's calls. The frame is
 * sent at once if there is space and nothing of the call waits before it;
 * otherwise it joins the call's send queue. The terminal of a cancelled call may
 * be held, so that a caller that cancels too fast runs out of slots.
 *
 * While memory is scarce, results of sessions above their share are dropped if much
 * is unsent. They are not encoded, so handlers that were not expected to return
 * much, or many of which settle at once, do not use up the memory.
 *
 * @module
 */
import { CallError, type CallErrorCode } from "../../errors/call_error.ts";
import { receivesItems } from "./call_state.ts";
import type { HandlerGate } from "./handler_gate.ts";
import type { CallTable } from "./call_table.ts";
import {
  encodeError,
  encodeErrorHead,
  errorCodeOf,
} from "../wire/error_frame.ts";
import type { IncomingCall } from "./incoming_call.ts";
import { TurnDurations } from "./turn_durations.ts";
import type { SharedState } from "../flow/shared_state.ts";
import { fitsFrame } from "../flow/fragment.ts";
import {
  dropQueued,
  type NewMessage,
  queueMessage,
} from "../flow/outgoing_items.ts";
import { discardItems } from "../flow/received_items.ts";
import { FRAME_CHARGE, Kind } from "../wire/frame_header.ts";

/** Unsent bytes of a session whose peer reads slowly. */
export const MUCH_UNSENT = 64 * 1024;

/** The error of a result that is dropped because of memory. */
const NO_MEMORY = /* @__PURE__ */ new CallError(
  "its result was dropped, because too much memory is in use (option memory)",
  { code: "overloaded", processed: "yes" },
);

/** Writer of the responses that end the peer's calls. */
export class ResponseWriter {
  /** Calls that {@linkcode ResponseWriter.failNow} ended before their handlers settled. */
  readonly #unsettled: Set<IncomingCall> = new Set();
  readonly #inTurn: TurnDurations = new TurnDurations();
  readonly #shared: SharedState;
  readonly #calls: CallTable<IncomingCall>;
  readonly #gate: HandlerGate;

  /**
   * @param shared state that the session's parts share
   * @param calls the calls that occupy a slot
   * @param gate gate before the handlers
   */
  constructor(
    shared: SharedState,
    calls: CallTable<IncomingCall>,
    gate: HandlerGate,
  ) {
    this.#shared = shared;
    this.#calls = calls;
    this.#gate = gate;
  }

  /**
   * Number of handlers that are still running although their calls have ended.
   * Each one still occupies a slot.
   */
  get unsettled(): number {
    return this.#unsettled.size;
  }

  /** Handles the end of a turn, in which frames were received. */
  turnEnded(): void {
    this.#inTurn.settle(this.#shared.now);
  }

  /**
   * Ends a call with its result. The call keeps its slot until the result is
   * sent.
   */
  respond(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    if (call.cancelled !== undefined) return this.fail(call, call.cancelled);
    if (this.#mayEnd(call)) this.#writeResult(call, value, fields);
    this.#gate.resume();
  }

  /** Ends a call with an error. */
  fail(call: IncomingCall, error: CallError): void {
    if (this.#mayEnd(call)) this.#writeError(call, error);
    this.#gate.resume();
  }

  /** Ends a call with an encoded RESULT or ERROR. */
  send(call: IncomingCall, kind: number, body: Uint8Array): void {
    if (call.cancelled !== undefined) return this.fail(call, call.cancelled);
    if (this.#mayEnd(call)) this.#writeEncoded(call, kind, body);
    this.#gate.resume();
  }

  #writeEncoded(call: IncomingCall, kind: number, body: Uint8Array): void {
    try {
      this.#shared.writer.checkSize(body.length);
    } catch (error) {
      return this.#writeError(call, call.observer.onUnsendable(error));
    }
    this.#gate.record(call, body.length);
    if (kind === Kind.RESULT) this.#countResult(call);
    else this.#countError(call, errorCodeOf(body), false);
    this.#writeTerminal(call, kind, body);
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

  #writeResult(call: IncomingCall, value: unknown, fields: Uint8Array): void {
    const { writer } = this.#shared;
    const wait = call.sendQueue !== undefined || writer.resultsWait;
    const unsent = wait || writer.unsent >= MUCH_UNSENT;
    if (unsent && this.#shared.dropsResults) {
      return this.#writeError(call, call.observer.onUnsendable(NO_MEMORY));
    }
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
    this.#countResult(call);
    const size = typeof sent === "number" ? sent : sent.length;
    if (!receivesItems(call.method.info.shape)) this.#gate.record(call, size);
    const body = typeof sent === "number" ? sent - FRAME_CHARGE : size;
    call.observer.onResponse?.(body);
    this.#settled(call);
    if (typeof sent === "number") this.flushed(call);
    else this.#queue(call, { kind: Kind.RESULT, bytes: sent, owned: true });
  }

  #writeError(call: IncomingCall, error: CallError): void {
    // The caller has given up: drop queued items instead of sending them first.
    if (call.state === "cancelled") dropQueued(this.#shared, call);
    const body = this.#errorBody(call, error);
    this.#countError(call, error, error.processed === "no");
    this.#writeTerminal(call, Kind.ERROR, body);
  }

  #writeTerminal(call: IncomingCall, kind: number, body: Uint8Array): void {
    const { writer } = this.#shared;
    call.observer.onResponse?.(body.length);
    this.#settled(call);
    const held = this.#shared.now < call.heldUntil;
    if (held) this.#shared.timerWheel.add(call, call.heldUntil);
    const wait = held || call.sendQueue !== undefined || writer.resultsWait;
    if (wait || !fitsFrame(this.#shared, body)) {
      return this.#queue(call, { kind, bytes: body }); // a store may keep it
    }
    writer.frame(kind, 0, call.id, body);
    this.flushed(call);
  }

  #countResult({ method, startedAt }: IncomingCall): void {
    const { stats, now } = this.#shared;
    stats.callsHandled.ok++;
    method.counters.ok++;
    if (now > startedAt) method.counters.took(now - startedAt);
    else this.#inTurn.succeeded(method.counters, startedAt);
  }

  #countError(
    call: IncomingCall,
    error: CallError | CallErrorCode,
    unprocessed: boolean,
  ): void {
    const { stats: { callsHandled }, now } = this.#shared;
    const refused = unprocessed || !call.begun;
    if (refused) callsHandled.refused++;
    else callsHandled.failed++;
    const { counters } = call.method;
    counters.failed(error, refused);
    if (now > call.startedAt) counters.time += now - call.startedAt;
    else this.#inTurn.failed(counters, call.startedAt);
  }

  #queue(call: IncomingCall, message: NewMessage): void {
    queueMessage(this.#shared, call, message);
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
    this.#gate.settled(call);
    discardItems(this.#shared, call);
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

  /** Frees all slots when the session ends; results that follow are dropped. */
  end(code: CallErrorCode): void {
    this.#unsettled.clear();
    for (const call of this.#calls.all) {
      if (call.state !== "answered") this.#countError(call, code, false);
      this.#settled(call);
      dropQueued(this.#shared, call);
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
