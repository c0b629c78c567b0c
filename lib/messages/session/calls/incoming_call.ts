/**
 * A call of the peer's, and who is told of it.
 *
 * @module
 */
import { CallError } from "../../errors/call_error.ts";
import {
  CALLEE,
  type CallEvent,
  type CallState,
  receivesItems,
  sendsItems,
} from "./call_state.ts";
import type { Fields } from "../wire/fields.ts";
import type { MethodInfo } from "../wire/hello.ts";
import { ReceiveWindow } from "../flow/receive_window.ts";
import type {
  SessionStream,
  SharedState,
  StreamObserver,
} from "../flow/shared_state.ts";
import type { SendQueue } from "../flow/send_queue.ts";
import { Timed } from "../time/timer_wheel.ts";

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
  /** What was to be sent could not be encoded; the call ends with the error that comes back. */
  onUnsendable(error: unknown): CallError;
}

/** A method of the peer's list, as this side serves it. */
export interface ServedMethod {
  /** Index in this side's own table. */
  readonly index: number;
  /** The method. */
  readonly info: MethodInfo;
}

/** What ends the peer's calls. */
export interface IncomingCallOwner {
  /** Nobody waits for the call any more. */
  cancel(call: IncomingCall, reason: CancelReason, message: string): void;
  /** The call ends because of what the caller did. */
  broken(
    call: IncomingCall,
    code: "malformed" | "overloaded",
    message: string,
  ): void;
  /** Its last frame has been sent. */
  flushed(call: IncomingCall): void;
}

/** A call of the peer's. */
export class IncomingCall extends Timed implements SessionStream {
  readonly id: number;
  credit: number;
  sendQueue: SendQueue | undefined = undefined;
  state: CallState = "open";
  observer: CalleeObserver = UNOBSERVED;
  /** When the caller's deadline is, ms on the session's clock, or `Infinity`. */
  deadlineAt = Infinity;
  /** What a result has become that nobody waits for: the call was cancelled meanwhile. */
  verdict: CallError | undefined = undefined;
  readonly receiveWindow: ReceiveWindow | undefined;
  /** The method, by its index in this side's table. */
  readonly method: ServedMethod;
  /** Deadline, metadata. */
  readonly fields: Readonly<Fields>;
  readonly #taker: IncomingCallOwner;

  /** Four parameters: this runs once a call, and an object would be garbage. */
  constructor(
    taker: IncomingCallOwner & { readonly shared: SharedState },
    id: number,
    method: ServedMethod,
    fields: Readonly<Fields>,
  ) {
    super();
    this.#taker = taker;
    this.id = id;
    this.method = method;
    this.fields = fields;
    const { peerStreamWindow, limits, pool } = taker.shared;
    this.credit = peerStreamWindow;
    if (sendsItems(method.info.shape)) {
      this.receiveWindow = new ReceiveWindow(
        limits.streamWindow,
        limits.maxStreamWindow,
        pool,
      );
    } else {
      this.receiveWindow = undefined;
      this.on("end");
    }
  }

  /** @inheritdoc */
  get maySend(): boolean {
    return (this.state === "open" || this.state === "ended") &&
      receivesItems(this.method.info.shape);
  }

  /** @inheritdoc */
  get over(): boolean {
    return this.state === "cancelled" || this.state === "answered";
  }

  /** Moves on, or says that the event is not allowed. */
  on(event: CallEvent): boolean {
    const next = CALLEE[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** @inheritdoc */
  onFlushed(): void {
    this.#taker.flushed(this);
  }

  /** @inheritdoc */
  broken(code: "malformed" | "overloaded", message: string): void {
    this.#taker.broken(this, code, message);
  }

  /** @inheritdoc */
  override expire(): void {
    this.#taker.cancel(this, "deadline", "the time for the call ran out");
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
