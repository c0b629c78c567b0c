/**
 * Messages that wait on this side: calls that have not started, and
 * notifications. A budget bounds their memory, whatever their number.
 *
 * @module
 */
import { ringOf } from "../flow/send_scheduler.ts";

/** Charge for the objects of a queued message: 800 to 1,000 bytes were measured. */
const OVERHEAD = 1024;

/** Part of the budget that is reserved for small messages. */
const SMALL_SHARE = 1 / 4;

/** A message that can be queued. */
export interface Queueable {
  /** The encoded message. */
  readonly bytes: Uint8Array;
}

/** Returns the charge of a queued message. */
export function queueCharge({ bytes }: Queueable): number {
  return bytes.length + OVERHEAD;
}

/** The memory of the messages that wait on this side. */
export class QueueBudget {
  /** Bytes charged. */
  used = 0;
  readonly #limit: number;

  /** @param limit maximum number of bytes */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Returns why a message cannot be queued, or `undefined`. A message may
   * always be queued if it is the only one.
   */
  refusal(message: Queueable): string | undefined {
    const { used } = this;
    const large = ringOf(message.bytes.length) > 0;
    const limit = this.#limit * (large ? 1 - SMALL_SHARE : 1);
    if (used === 0 || used + queueCharge(message) <= limit) return undefined;
    return `${used} bytes are already queued (limit maxQueuedBytes, ${this.#limit})`;
  }
}

/** Messages in the order in which they are sent. */
export class MessageQueue<Message extends Queueable> {
  #messages: Message[] = [];
  /** Index of the first message; earlier ones have been removed. */
  #head = 0;
  readonly #budget: QueueBudget;

  /** @param budget is charged for the messages */
  constructor(budget: QueueBudget) {
    this.#budget = budget;
  }

  /** Number of messages. */
  get length(): number {
    return this.#messages.length - this.#head;
  }

  /** The first message. */
  get first(): Message | undefined {
    return this.at(0);
  }

  /** Returns the message with this index, counted from the first one. */
  at(index: number): Message | undefined {
    return this.#messages[this.#head + index];
  }

  /** Appends a message. */
  push(message: Message): void {
    this.#budget.used += queueCharge(message);
    this.#messages.push(message);
  }

  /** Removes and returns the first message. */
  shift(): Message | undefined {
    const first = this.first;
    if (first === undefined) return undefined;
    this.#head++;
    if (2 * this.#head > this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#head = 0;
    }
    this.#budget.used -= queueCharge(first);
    return first;
  }

  /** Removes a message; returns whether it was present. */
  remove(message: Message): boolean {
    const index = this.#messages.indexOf(message, this.#head);
    if (index < 0) return false;
    this.#messages.splice(index, 1);
    this.#budget.used -= queueCharge(message);
    return true;
  }

  /** Removes and returns all messages from this index on. */
  takeFrom(index: number): Message[] {
    const taken = this.#messages.splice(this.#head + index);
    for (const message of taken) this.#budget.used -= queueCharge(message);
    return taken;
  }
}
