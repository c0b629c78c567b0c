/**
 * The queue of requests and notifications. A message stays in the queue until
 * all its frames have been sent. Sending it requires credit, and a request also
 * requires a free call slot. No other REQUEST or NOTIFY is sent between the
 * frames of one message, and calls receive their ids in the order in which
 * their first frames are sent.
 *
 * @module
 */
import { putTimeout } from "../wire/fields.ts";
import { INITIAL_PEER_LIMITS } from "../wire/limits.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { OutgoingCall } from "./outgoing_call.ts";
import type { PendingMessage, Source } from "../flow/round_robin.ts";

/** Offset of the fields in a REQUEST: after the u16 method number. */
const FIELDS_AT = 2;

/** A queued message; a notification has no call. */
export interface QueuedMessage extends PendingMessage {
  readonly call: OutgoingCall | undefined;
}

/** Receiver of the progress of queued calls. */
export interface QueueOwner {
  /** Whether the peer accepts another call in flight. */
  readonly hasFreeSlot: boolean;
  /** Assigns a call's id before its first frame is sent. */
  onStarting(call: OutgoingCall): void;
  /** Called when the last frame of a call has been sent. */
  onSent(call: OutgoingCall): void;
}

/** The queue of requests and notifications. */
export class RequestQueue implements Source {
  /** Credit for REQUEST and NOTIFY frames. */
  credit: number = INITIAL_PEER_LIMITS.connectionWindow;
  #messages: QueuedMessage[] = [];
  #bytes = 0;
  /** The message whose frames are being sent. */
  #current: QueuedMessage | undefined = undefined;
  readonly #shared: SharedState;
  readonly #owner: QueueOwner;

  /**
   * @param shared state that the session's parts share
   * @param owner receives the progress of calls
   */
  constructor(shared: SharedState, owner: QueueOwner) {
    this.#shared = shared;
    this.#owner = owner;
  }

  /** Number of queued messages. */
  get length(): number {
    return this.#messages.length;
  }

  /** Whether a new message must wait for earlier ones or for credit. */
  get mustWait(): boolean {
    return this.#messages.length > 0 || this.credit <= 0;
  }

  /**
   * Returns why a message of this size cannot be queued, or `undefined`. The
   * first two messages in the queue may have any size.
   */
  fullFor(bytes: number): string | undefined {
    const { maxQueuedCalls, unsentSoft } = this.#shared.limits;
    if (this.#messages.length >= maxQueuedCalls) {
      return `${maxQueuedCalls} calls are already queued (limit maxQueuedCalls)`;
    }
    const waiting = this.#bytes - (this.#messages[0]?.bytes.length ?? 0);
    if (waiting === 0 || waiting + bytes <= unsentSoft) return undefined;
    return `${waiting} bytes of calls are already queued (limit unsentSoft, ${unsentSoft})`;
  }

  /** Adds a message and sends as many frames as possible. */
  put(message: QueuedMessage): void {
    this.#bytes += message.bytes.length;
    this.#messages.push(message);
    this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#messages.length > 0;
  }

  /** @inheritdoc */
  get lacksCredit(): boolean {
    return this.credit <= 0;
  }

  /** Adds credit and sends as many frames as possible. */
  grant(amount: number): void {
    this.credit += amount;
    if (this.hasNext) this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  sendNext(): boolean {
    if (this.credit <= 0) return false;
    const message = this.#current ?? this.#start();
    if (message === undefined) return false;
    const { call } = message;
    this.credit -= this.#shared.writer.fragment(message, call?.id ?? 0);
    if (message.offset < message.bytes.length) return true;
    this.#remove(message);
    if (call !== undefined) this.#owner.onSent(call);
    return true;
  }

  /**
   * Starts the next message. Notifications overtake calls that are waiting for
   * a free slot.
   */
  #start(): QueuedMessage | undefined {
    const hasFreeSlot = this.#owner.hasFreeSlot;
    const message = hasFreeSlot
      ? this.#messages[0]
      : this.#messages.find(({ call }) => call === undefined);
    this.#current = message;
    const call = message?.call;
    if (message === undefined || call === undefined) return message;
    this.#owner.onStarting(call);
    // Subtract the time in the queue from the timeout on the wire.
    if (call.slot >= 0) {
      putTimeout(message.bytes, FIELDS_AT, call.dueAt - this.#shared.now);
    }
    return message;
  }

  /** Drops the unsent rest of a call's request, if any. */
  drop(call: OutgoingCall): void {
    if (call.sent || this.#messages.length === 0) return;
    const message = this.#messages.find((queued) => queued.call === call);
    if (message !== undefined) this.#remove(message);
  }

  #remove(message: QueuedMessage): void {
    this.#messages.splice(this.#messages.indexOf(message), 1);
    this.#bytes -= message.bytes.length;
    if (this.#current === message) this.#current = undefined;
  }

  /** Calls whose first frame has not been sent. */
  get unstarted(): OutgoingCall[] {
    return this.#messages.flatMap((message) =>
      message.call === undefined || message === this.#current
        ? []
        : [message.call]
    );
  }

  /** Drops all messages. */
  clear(): void {
    this.#messages = [];
    this.#bytes = 0;
    this.#current = undefined;
  }
}
