/**
 * The notifications that wait to be sent. They are sent in order, one at a time,
 * as the peer's credit for notifications permits.
 *
 * A notification is accepted once it has a place. The others wait for a place,
 * which holds back a sender that awaits each of them.
 *
 * ```text
 *   first ├──── accepted: about unsentSoft ────┤── waiting: up to maxQueuedBytes ──┤
 * ```
 *
 * @module
 */
import type { CallError } from "../../errors/call_error.ts";
import {
  dropFragments,
  fitsFrame,
  type Fragments,
  sendFragment,
} from "../flow/fragment.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { Source } from "../flow/send_scheduler.ts";
import { TimerEntry } from "../time/timer_wheel.ts";
import { FRAME_CHARGE, Kind } from "../wire/frame_header.ts";
import type { MethodInfo } from "../wire/hello.ts";
import { MessageQueue, type QueueBudget } from "./message_queue.ts";

/** Receiver of the outcome of a notification that waits for a place. */
export interface NotificationObserver {
  /** Called when the notification has its place. */
  onAccepted(): void;
  /** Called when it will not be sent. */
  onFailed(error: CallError): void;
}

/** The part of a session that sends notifications. */
export interface NotificationOwner {
  /** Called when a notification has waited for a place too long. */
  notificationExpired(message: QueuedNotification): void;
}

/** A notification, or the rest of one. */
export class QueuedNotification extends TimerEntry implements Fragments {
  /** @inheritdoc */
  readonly kind = Kind.NOTIFY;
  /** @inheritdoc */
  offset = 0;
  /** @inheritdoc */
  counted = false;
  /** Whether it has a place; the queue sets this. */
  accepted = false;
  /** Receiver of the outcome, while the notification waits for a place. */
  observer: NotificationObserver | undefined = undefined;
  /** The encoded notification. */
  readonly bytes: Uint8Array;
  /** Its method. */
  readonly info: MethodInfo;
  readonly #owner: NotificationOwner;

  /**
   * @param bytes the encoded notification
   * @param info its method
   * @param owner handles the end of its time to wait for a place
   */
  constructor(
    bytes: Uint8Array,
    info: MethodInfo,
    owner: NotificationOwner,
  ) {
    super();
    this.bytes = bytes;
    this.info = info;
    this.#owner = owner;
  }

  /** @inheritdoc */
  override expire(): void {
    this.#owner.notificationExpired(this);
  }
}

/** The queue of notifications. */
export class NotificationQueue implements Source {
  readonly #messages: MessageQueue<QueuedNotification>;
  /** Number of messages that have a place. */
  #accepted = 0;
  /** Sum of the sizes of these messages. */
  #acceptedBytes = 0;
  readonly #shared: SharedState;

  /**
   * @param shared state that the session's parts share
   * @param budget is charged for the notifications
   */
  constructor(shared: SharedState, budget: QueueBudget) {
    this.#shared = shared;
    this.#messages = new MessageQueue(budget);
  }

  /** Number of queued notifications. */
  get length(): number {
    return this.#messages.length;
  }

  /** Whether a new notification must wait for earlier ones or for credit. */
  get mustQueue(): boolean {
    return this.hasNext || mustQueueNotifications(this.#shared);
  }

  /**
   * Adds a notification, and sends as much as possible.
   *
   * @returns whether the notification has its place
   */
  put(message: QueuedNotification): boolean {
    this.#messages.push(message);
    this.#accept();
    this.#shared.writer.resume(this);
    return message.accepted;
  }

  /** Accepts the notifications that wait, in order, while there are places. */
  #accept(): void {
    const { limits, timerWheel } = this.#shared;
    while (this.#acceptedBytes < limits.unsentSoft) {
      const next = this.#messages.at(this.#accepted);
      if (next === undefined) return;
      this.#accepted++;
      this.#acceptedBytes += sizeOf(next);
      next.accepted = true;
      timerWheel.remove(next);
      next.observer?.onAccepted();
    }
  }

  /**
   * Drops a notification that waits for a place.
   *
   * @returns whether it was still waiting
   */
  giveUp(message: QueuedNotification): boolean {
    if (message.accepted || !this.#messages.remove(message)) return false;
    this.#shared.timerWheel.remove(message);
    return true;
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.length > 0;
  }

  /** @inheritdoc */
  get nextSize(): number {
    return this.#messages.first?.bytes.length ?? 0;
  }

  /** @inheritdoc */
  mustWait(): boolean {
    const { notifyCredit, unfinished } = this.#shared;
    const message = this.#messages.first;
    if (message === undefined || notifyCredit.mustWait(this)) return true;
    return message.offset === 0 && !fitsFrame(this.#shared, message.bytes) &&
      unfinished.mustWait(this, message.bytes.length);
  }

  /** @inheritdoc */
  sendNext(): number {
    const message = this.#messages.first;
    if (message === undefined) return 0;
    const { bytes } = message;
    const { notifyCredit, writer } = this.#shared;
    const charge = sendFragment(this.#shared, message, bytes, 0);
    notifyCredit.charge(charge);
    if (message.offset === bytes.length) {
      writer.notifications.add(0); // its bytes count as bulk
      this.#messages.shift();
      this.#accepted--;
      this.#acceptedBytes -= sizeOf(message);
      this.#accept();
    }
    return charge;
  }

  /** Drops the notifications that wait for a place, and returns them. */
  takeWaiting(): QueuedNotification[] {
    const waiting = this.#messages.takeFrom(this.#accepted);
    for (const message of waiting) this.#shared.timerWheel.remove(message);
    return waiting;
  }

  /** Drops all notifications; returns the number of accepted ones. */
  clear(): number {
    const { length } = this;
    const [first] = this.#messages.takeFrom(0);
    this.#accepted = this.#acceptedBytes = 0;
    if (first !== undefined) dropFragments(this.#shared, first, first.bytes);
    return length;
  }
}

/** Returns whether a new notification must wait although none is queued. */
export function mustQueueNotifications(
  { notifyCredit, writer }: SharedState,
): boolean {
  return notifyCredit.available <= 0 || writer.congested;
}

function sizeOf({ bytes }: QueuedNotification): number {
  return bytes.length + FRAME_CHARGE;
}
