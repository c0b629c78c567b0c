/**
 * A call that this side made, and the observer of its events.
 *
 * @module
 */
import type { CallError, CallErrorCode } from "../../errors/call_error.ts";
import type { Reassembly } from "../flow/reassembly.ts";
import {
  CALLER,
  type CallEvent,
  type CallState,
  receivesItems,
  sendsItems,
} from "./call_state.ts";
import { SendCredit } from "../flow/credit.ts";
import { Feature } from "../wire/features.ts";
import {
  type Fields,
  FIELDS_OF,
  MalformedError,
  type Position,
} from "../wire/fields.ts";
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

/**
 * Receiver of a call's events at the caller. Exactly one of `onResult` and
 * `onFailed` is called, once.
 */
export interface CallerObserver extends StreamObserver {
  /** Called with the result; the bytes are valid during this callback only. */
  onResult(body: Uint8Array, fields: Readonly<Fields>): void;
  /** Called when the call fails. */
  onFailed(error: CallError): void;
  /**
   * Called when unread items of a call that has settled are dropped. Other
   * streams need their space.
   */
  onItemsDropped(error: CallError): void;
}

/** The method, input and options of a new call. */
export interface OpenOptions {
  /** Index of the method in this side's HELLO. */
  readonly method: number;
  /** The method. */
  readonly info: MethodInfo;
  /** The input. */
  readonly value: unknown;
  /** Whether there is an input; an opening is optional. */
  readonly hasValue: boolean;
  /** Milliseconds until the deadline, or `Infinity`. */
  readonly timeout: number;
  /** Additional encoded fields. */
  readonly fields: Uint8Array;
  /** Receiver of the call's events. */
  readonly observer: CallerObserver;
}

/** The reason why this side gives up a call. */
export interface GiveUpReason {
  /** The code of the error that the observer receives. */
  readonly code: CallErrorCode;
  /** The message of that error. */
  readonly message: string;
  /** The cause of that error. */
  readonly cause?: unknown;
}

/** The bytes of a call that is not queued. */
export const NO_BYTES: Uint8Array = /* @__PURE__ */ new Uint8Array(0);

/** Operations that an outgoing call requests from its owner. */
export interface OutgoingCallOwner {
  /** Ends the call on this side and sends CANCEL. */
  giveUp(call: OutgoingCall, reason: GiveUpReason): void;
  /** Drops the unread items of a call that has settled. */
  dropUnread(call: OutgoingCall, reason: GiveUpReason): void;
  /** Called when the last frame of the REQUEST has been sent. */
  onRequestSent(call: OutgoingCall): void;
  /** Called at the time for which the call's timer was set. */
  expired(call: OutgoingCall): void;
}

/** A call that this side made. */
export class OutgoingCall extends TimerEntry implements SessionStream {
  /** Id of the call; 0 until the call is started. */
  id = 0;
  readonly itemCredit: SendCredit | undefined;
  sendQueue: SendQueue | undefined = undefined;
  /** A caller's messages are never held. */
  readonly heldUntil = -Infinity;
  state: CallState = "open";
  /** The encoded REQUEST while the call is queued. */
  bytes: Uint8Array = NO_BYTES;
  /** Time with a link until which a queued call waits, in ms. */
  queuedUntil = Infinity;
  /** Time in ms at which the call fails, or `Infinity`. */
  deadlineAt = Infinity;
  /** Position in the outgoing bytes after the last frame of the REQUEST. */
  requestEnd = Infinity;
  /** An incomplete reply, of which more frames are expected. */
  reply: Reassembly | undefined = undefined;
  /** The frame kind of that reply. */
  replyKind = 0;
  /** @inheritdoc */
  itemSize = 0;
  readonly receiveWindow: ReceiveWindow | undefined;
  readonly info: MethodInfo;
  readonly observer: CallerObserver;
  readonly #owner: OutgoingCallOwner;
  readonly #shared: SharedState;
  /** Position of the last item that has arrived. */
  #position: Position | undefined = undefined;

  constructor(
    owner: OutgoingCallOwner,
    shared: SharedState,
    { info, observer }: Pick<OpenOptions, "info" | "observer">,
  ) {
    super();
    const { limits, items, now } = shared;
    this.#owner = owner;
    this.#shared = shared;
    this.info = info;
    this.observer = observer;
    const { shape } = info;
    this.itemCredit = sendsItems(shape) ? new SendCredit(0) : undefined;
    if (this.itemCredit === undefined) this.on("end");
    // Created immediately, since the application may read items before the
    // REQUEST is sent.
    this.receiveWindow = receivesItems(shape)
      ? new ReceiveWindow(limits, items.raises, now)
      : undefined;
  }

  /** @inheritdoc */
  get started(): boolean {
    return this.id !== 0;
  }

  /** Whether all frames of the REQUEST have been sent. */
  get sent(): boolean {
    return this.requestEnd !== Infinity;
  }

  /**
   * Whether the callee may have handled the call. It cannot handle a REQUEST
   * that it did not receive completely.
   */
  get processed(): "maybe" | "no" {
    return this.sent ? "maybe" : "no";
  }

  /** @inheritdoc */
  get over(): boolean {
    return this.state === "cancelled";
  }

  /** @inheritdoc */
  get maySendItems(): boolean {
    return this.state === "open";
  }

  /** @inheritdoc */
  get mayReceiveItems(): boolean {
    return this.sent && this.reply === undefined;
  }

  /** @inheritdoc */
  get isOwn(): boolean {
    return true;
  }

  /** @inheritdoc */
  get itemFields(): readonly number[] {
    const positioned = this.info.shape === "serverStream" &&
      (this.#shared.features & Feature.POSITIONS) !== 0;
    return positioned ? FIELDS_OF.POSITIONED_ITEM : FIELDS_OF.ITEM;
  }

  /** @inheritdoc */
  checkPosition(position: Position | undefined, joins: boolean): void {
    const last = this.#position;
    if (position === undefined) return;
    const follows = joins || last === undefined ||
      position.epoch === last.epoch && position.number > last.number;
    if (!follows) throw new MalformedError("its position is out of order");
    this.#position = position;
  }

  /** Changes the state; returns `false` if the state does not allow the event. */
  on(event: CallEvent): boolean {
    const next = CALLER[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** Passes the error of the call to its observer. */
  failed(error: CallError): void {
    const { callsMade } = this.#shared.stats;
    if (error.processed === "no") callsMade.refused++;
    else callsMade.failed++;
    this.observer.onFailed(error);
  }

  /** @inheritdoc */
  onItemEncoded(size: number): void {
    this.itemSize = size;
    this.observer.onItemSent?.(size);
  }

  /** @inheritdoc */
  onMessageSent(kind: number): void {
    if (kind === Kind.REQUEST) this.#owner.onRequestSent(this);
  }

  /** @inheritdoc */
  fail(code: "malformed" | "overloaded", message: string): void {
    if (this.state === "done") this.#owner.dropUnread(this, { code, message });
    else this.#owner.giveUp(this, { code, message });
  }

  /** @inheritdoc */
  override expire(): void {
    this.#owner.expired(this);
  }
}
