/**
 * The notifications that wait to be sent. They are sent in order, one at a time,
 * as the peer's credit for notifications permits.
 *
 * @module
 */
import {
  dropFragments,
  fitsFrame,
  type Fragments,
  sendFragment,
} from "../flow/fragment.ts";
import { queueFull } from "./queue_bound.ts";
import type { SharedState } from "../flow/shared_state.ts";
import type { Source } from "../flow/send_scheduler.ts";
import { Kind } from "../wire/frame_header.ts";

/** A notification, or the rest of one. */
interface QueuedNotification extends Fragments {
  readonly bytes: Uint8Array;
}

/** The queue of notifications. */
export class NotificationQueue implements Source {
  #messages: QueuedNotification[] = [];
  #bytes = 0;
  readonly #shared: SharedState;

  /** @param shared state that the session's parts share */
  constructor(shared: SharedState) {
    this.#shared = shared;
  }

  /** Number of queued notifications. */
  get length(): number {
    return this.#messages.length;
  }

  /** Whether a new notification must wait for earlier ones or for credit. */
  get mustQueue(): boolean {
    return this.hasNext || this.#shared.notifyCredit.available <= 0;
  }

  /** Returns why a notification cannot be queued, or `undefined`. */
  fullFor(size: number): string | undefined {
    const { length } = this.#messages;
    const waiting = this.#bytes - (this.#messages[0]?.bytes.length ?? 0);
    return queueFull(this.#shared.limits, length, waiting, size);
  }

  /** Adds a notification, and sends as much as possible. */
  put(bytes: Uint8Array): void {
    this.#bytes += bytes.length;
    this.#messages.push({ kind: Kind.NOTIFY, bytes, offset: 0 });
    this.#shared.writer.resume(this);
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#messages.length > 0;
  }

  /** @inheritdoc */
  get nextSize(): number {
    return this.#messages[0]?.bytes.length ?? 0;
  }

  /** @inheritdoc */
  mustWait(): boolean {
    const { notifyCredit, unfinished } = this.#shared;
    const message = this.#messages[0];
    if (message === undefined || notifyCredit.mustWait(this)) return true;
    return message.offset === 0 && !fitsFrame(this.#shared, message.bytes) &&
      unfinished.mustWait(this, message.bytes.length);
  }

  /** @inheritdoc */
  sendNext(): number {
    const message = this.#messages[0];
    if (message === undefined) return 0;
    const { bytes } = message;
    const charge = sendFragment(this.#shared, message, bytes, 0);
    this.#shared.notifyCredit.charge(charge);
    if (message.offset === bytes.length) {
      this.#messages.shift();
      this.#bytes -= bytes.length;
    }
    return charge;
  }

  /** Drops all notifications. */
  clear(): void {
    const [first] = this.#messages;
    this.#messages = [];
    this.#bytes = 0;
    if (first !== undefined) dropFragments(this.#shared, first, first.bytes);
  }
}
