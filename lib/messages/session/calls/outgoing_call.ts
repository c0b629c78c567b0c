/**
 * A call of this side's, and who is told of it.
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

/** Why this side gives a call up. */
export interface GiveUpReason {
  /** What the observer hears. */
  readonly code: CallErrorCode;
  /** The same for people. */
  readonly message: string;
  /** What made it so. */
  readonly cause?: unknown;
}

/** What gives calls up. */
export interface OutgoingCallOwner {
  /** Ends the call from this side. */
  giveUp(call: OutgoingCall, reason: GiveUpReason): void;
}

/** A call of this side's. */
export class OutgoingCall extends Timed implements SessionStream {
  id = 0;
  credit = 0;
  sendQueue: SendQueue | undefined = undefined;
  state: CallState = "queued";
  /** Position in the outgoing bytes behind the whole REQUEST. */
  requestEnd = Infinity;
  /** Our items have ended before the REQUEST was whole: END follows it. */
  endAsked = false;
  /** A reply whose frames are still coming. */
  reply: Reassembly | undefined = undefined;
  /** Kind of that reply. */
  replyKind = 0;
  readonly receiveWindow: ReceiveWindow | undefined;
  readonly info: MethodInfo;
  readonly observer: CallerObserver;
  readonly #giver: OutgoingCallOwner;

  constructor(
    giver: OutgoingCallOwner,
    shared: SharedState,
    { info, observer }: Pick<OpenOptions, "info" | "observer">,
  ) {
    super();
    this.#giver = giver;
    this.info = info;
    this.observer = observer;
    // There from the start: the application may wait for an item before the call has left.
    this.receiveWindow = receivesItems(info.shape)
      ? new ReceiveWindow(
        shared.limits.streamWindow,
        shared.limits.maxStreamWindow,
        shared.pool,
      )
      : undefined;
  }

  /** Whether the whole REQUEST has left. */
  get sent(): boolean {
    return this.requestEnd !== Infinity;
  }

  /** @inheritdoc */
  get maySend(): boolean {
    return this.state === "open" && this.sent;
  }

  /** @inheritdoc */
  get over(): boolean {
    return this.state === "cancelled";
  }

  /** Moves on, or says that the event is not allowed. */
  on(event: CallEvent): boolean {
    const next = CALLER[this.state][event];
    if (next === undefined) return false;
    this.state = next;
    return true;
  }

  /** @inheritdoc */
  onFlushed(): void {}

  /** @inheritdoc */
  broken(code: "malformed" | "overloaded", message: string): void {
    this.#giver.giveUp(this, { code, message });
  }

  /** @inheritdoc */
  override expire(): void {
    this.#giver.giveUp(this, {
      code: "deadline",
      message: "the time for the call ran out",
    });
  }
}
