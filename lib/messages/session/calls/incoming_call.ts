/**
 * A call that the peer made, and the observer of its events.
 *
 * @module
 */
import { CallError, type CallErrorCode } from "../../errors/call_error.ts";
import {
  CALLEE,
  type CallEvent,
  type CallState,
  receivesItems,
  sendsItems,
} from "./call_state.ts";
import { SendCredit } from "../flow/credit.ts";
import { type Fields, FIELDS_OF } from "../wire/fields.ts";
import type { MethodCounters } from "./method_counters.ts";
import type { MethodInfo } from "../wire/hello.ts";
import { ReceiveWindow } from "../flow/receive_window.ts";
import type {
  SessionStream,
  SharedState,
  StreamObserver,
} from "../flow/shared_state.ts";
import type { SendQueue } from "../flow/send_queue.ts";
import { TimerEntry } from "../time/timer_wheel.ts";
import { Kind } from "../wire/frame_header.ts";

/** Why a call is cancelled; `unavailable` once the grace period of a drain is over. */
export type CancelCode = Extract<
  CallErrorCode,
  "cancelled" | "deadline" | "disconnected" | "unavailable"
>;

/** Receiver of a call's events at the callee. */
export interface CalleeObserver extends StreamObserver {
  /**
   * Called when the call is cancelled; aborts the handler's signal.
   *
   * @param error the reason, which `call.cancelled` then returns as well
   */
  onCancelled(error: CallError): void;
  /**
   * Called when a result or an error's data cannot be sent.
   *
   * @returns the error that ends the call instead
   */
  onUnsendable(error: unknown): CallError;
  /** Called with the size of the RESULT or ERROR that is sent. */
  onResponse?(bytes: number): void;
}

/** A method that this side serves. */
export interface ServedMethod {
  /** Index in this side's own table. */
  readonly index: number;
  /** The method. */
  readonly info: MethodInfo;
  /** Counters of its calls, in all sessions that share the table. */
  readonly counters: MethodCounters;
}

/** The sizes of recent items. */
export interface ItemSizes {
  /** Returns the expected size of a call's next item. */
  itemSize(call: IncomingCall): number;
  /** Remembers the size of an item. */
  record(call: IncomingCall, size: number): void;
}

/** Operations that an incoming call requests from its owner. */
export interface IncomingCallOwner {
  /** Cancels the call. */
  cancel(call: IncomingCall, code: CancelCode, message: string): void;
  /** Ends the call because of a protocol violation or an exceeded limit. */
  fail(
    call: IncomingCall,
    code: "malformed" | "overloaded",
    message: string,
  ): void;
  /** Gate before the handlers, which expects the sizes of items. */
  readonly gate: ItemSizes;
  /** Frees the slot once the terminal frame has been sent. */
  flushed(call: IncomingCall): void;
  /** Called at the time for which the call's timer was set. */
  expired(call: IncomingCall): void;
}

/** A call that the peer made. */
export class IncomingCall extends TimerEntry implements SessionStream {
  readonly id: number;
  readonly itemCredit: SendCredit | undefined;
  sendQueue: SendQueue | undefined = undefined;
  state: CallState = "open";
  observer: CalleeObserver = UNOBSERVED;
  /** The caller's deadline in ms on the session's clock, or `Infinity`. */
  deadlineAt = Infinity;
  /** Whether its handler was entered; decides `processed` of a cancelled call. */
  entered = false;
  /** Why the call was cancelled; replaces the result, and aborts the handler. */
  cancelled: CallError | undefined = undefined;
  /** @inheritdoc */
  heldUntil = -Infinity;
  /** Lane of the gate that it passes. */
  lane = 0;
  /** Bytes that the gate reserves for the response. */
  reserved = 0;
  /** Step of that reservation. */
  reservedAt = 0;
  /** Bytes of the large result that its running handler may return. */
  expected = 0;
  /** Bytes of its first response, while it is awaited; see `AwaitedResponses`. */
  awaited = 0;
  /** Whether it uses the limit of all methods; see `AwaitedResponses`. */
  awaitedOfAll = false;
  /** Size in bytes of the largest item; 0 before the first. */
  #largestItem = 0;
  readonly receiveWindow: ReceiveWindow | undefined;
  /** @inheritdoc */
  readonly itemFields: readonly number[] = FIELDS_OF.ITEM;
  /** The method, with its index in this side's table. */
  readonly method: ServedMethod;
  /** Time in ms at which the request was complete. */
  readonly startedAt: number;
  /** Timeout and metadata. */
  readonly fields: Readonly<Fields>;
  readonly #owner: IncomingCallOwner;

  /** Takes four parameters to avoid allocating an options object for each call. */
  constructor(
    owner: IncomingCallOwner & { readonly shared: SharedState },
    id: number,
    method: ServedMethod,
    fields: Readonly<Fields>,
  ) {
    super();
    this.#owner = owner;
    this.id = id;
    this.method = method;
    this.fields = fields;
    const { writer, limits, items, now } = owner.shared;
    const { shape } = method.info;
    this.startedAt = now;
    this.itemCredit = receivesItems(shape)
      ? new SendCredit(writer.peerLimits.streamWindow)
      : undefined;
    if (sendsItems(shape)) {
      this.receiveWindow = new ReceiveWindow(limits, items.raises, now);
    } else {
      this.receiveWindow = undefined;
      this.on("end");
    }
  }

  /** @inheritdoc */
  get itemSize(): number {
    return this.#largestItem || this.#owner.gate.itemSize(this);
  }

  /** @inheritdoc */
  onItemEncoded(size: number): void {
    this.observer.onItemSent?.(size);
    if (size <= this.#largestItem) return;
    this.#largestItem = size;
    this.#owner.gate.record(this, size);
  }

  /** Whether the host has received the call. */
  get begun(): boolean {
    return this.observer !== UNOBSERVED;
  }

  /** @inheritdoc */
  get started(): boolean {
    return true;
  }

  /** @inheritdoc */
  get isOwn(): boolean {
    return false;
  }

  /** @inheritdoc */
  get maySendItems(): boolean {
    return !this.over && this.itemCredit !== undefined;
  }

  /** @inheritdoc */
  get mayReceiveItems(): boolean {
    return true;
  }

  /** @inheritdoc */
  get over(): boolean {
    return this.state !== "open" && this.state !== "ended";
  }

  /** Items of the caller have no positions. @inheritdoc */
  checkPosition(): void {}

  /** Changes the state; returns `false` if the state does not allow the event. */
  on(event: CallEvent): boolean {
    const next = CALLEE[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** @inheritdoc */
  onMessageSent(kind: number): void {
    if (kind !== Kind.ITEM) this.#owner.flushed(this);
  }

  /** Cancels the call because the peer's stream has ended. */
  disconnect(): void {
    this.#owner.cancel(this, "disconnected", "the client's stream has ended");
  }

  /** @inheritdoc */
  fail(code: "malformed" | "overloaded", message: string): void {
    this.#owner.fail(this, code, message);
  }

  /** @inheritdoc */
  override expire(): void {
    this.#owner.expired(this);
  }
}

const UNOBSERVED: CalleeObserver = {
  onItem() {},
  onItemsEnded() {},
  onCancelled() {},
  onUnsendable: (cause) =>
    new CallError("Cannot send the result", { code: "internal", cause }),
};
