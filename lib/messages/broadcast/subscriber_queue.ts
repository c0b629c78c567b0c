/**
 * Queue of messages for a subscriber that is slower than the publisher. The
 * queue performs no I/O.
 *
 * @module
 */

/** Policy for a message to a full queue; see `SlowOptions`. */
export type SlowPolicy = "drop-oldest" | "drop-newest" | "disconnect";

/** All policies. */
export const SLOW_POLICIES: readonly SlowPolicy[] = [
  "drop-oldest",
  "drop-newest",
  "disconnect",
];

/** Bounds of a queue. */
export interface QueueLimits {
  /** Policy for a message to a full queue. */
  readonly slow: SlowPolicy;
  /** Maximum number of messages. */
  readonly maxQueued: number;
  /** Maximum number of bytes. A single message may be longer. */
  readonly maxQueuedBytes: number;
}

/** Outcome of adding a message to a queue. */
export interface QueueOutcome {
  /** How the message was treated. */
  readonly outcome: "queued" | "conflated" | "dropped" | "disconnect";
  /** Number of messages that were dropped. */
  readonly dropped: number;
}

/** A message of a given size. */
export interface Sized {
  /** Its size in bytes. */
  readonly size: number;
}

interface Entry<Message> {
  readonly key: unknown;
  message: Message;
}

/** Charge for a queued entry; its message is shared by all subscribers. */
const OVERHEAD = 64;

/** Queue of messages that are bounded in number and in bytes. */
export class SubscriberQueue<Message extends Sized> {
  #entries: Entry<Message>[] = [];
  /** Index of the first entry; earlier ones were taken. */
  #head = 0;
  #bytes = 0;
  readonly #keyed: Map<unknown, Entry<Message>> = new Map();
  #limits: QueueLimits;
  readonly #total: { held: number };

  /**
   * @param limits the bounds, of which `maxQueued` is at least 1
   * @param total sum of the bytes of all queues of the subscriber
   */
  constructor(limits: QueueLimits, total: { held: number } = { held: 0 }) {
    this.#limits = limits;
    this.#total = total;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#total.held += bytes;
  }

  /** Number of queued messages. */
  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** Bytes of the queued messages. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Changes the limits, and drops messages beyond the new ones. With
   * `"disconnect"` none are dropped; the next message to the full queue then
   * disconnects the subscriber.
   *
   * @returns the number of dropped messages
   */
  change(limits: QueueLimits): number {
    this.#limits = limits;
    return limits.slow === "disconnect" ? 0 : this.#dropExcess();
  }

  /** Whether the queue exceeds its limits; a single message never does. */
  get #exceeds(): boolean {
    const { maxQueued, maxQueuedBytes } = this.#limits;
    return this.length > 1 &&
      (this.length > maxQueued || this.#bytes > maxQueuedBytes);
  }

  #dropExcess(): number {
    const { length } = this;
    while (this.#exceeds) {
      if (this.#limits.slow === "drop-newest") this.#dropNewest();
      else this.take();
    }
    return length - this.length;
  }

  #dropNewest(): void {
    this.#remove(this.#entries.pop());
  }

  /**
   * Adds a message. A message with a key replaces the queued one with the same
   * key, because only the latest state matters.
   */
  put(message: Message, key: unknown): QueueOutcome {
    const waiting = key === undefined ? undefined : this.#keyed.get(key);
    if (waiting === undefined) this.#append({ key, message });
    else {
      this.#count(message.size - waiting.message.size);
      waiting.message = message;
    }
    if (this.#exceeds && this.#limits.slow === "disconnect") {
      if (waiting === undefined) this.#dropNewest();
      return { outcome: "disconnect", dropped: 0 };
    }
    const dropped = this.#dropExcess();
    const outcome = dropped > 0 ? "dropped" : "queued";
    return { outcome: waiting === undefined ? outcome : "conflated", dropped };
  }

  #append(entry: Entry<Message>): void {
    this.#entries.push(entry);
    this.#count(entry.message.size + OVERHEAD);
    if (entry.key !== undefined) this.#keyed.set(entry.key, entry);
  }

  /** Removes and returns the oldest message. */
  take(): Message | undefined {
    if (this.length === 0) return undefined;
    const entry = this.#entries[this.#head++]!; // in range: not empty
    if (2 * this.#head > this.#entries.length) {
      this.#entries.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#remove(entry);
  }

  /** Stops counting an entry. */
  #remove(entry: Entry<Message> | undefined): Message | undefined {
    if (entry === undefined) return undefined;
    if (entry.key !== undefined) this.#keyed.delete(entry.key);
    this.#count(-entry.message.size - OVERHEAD);
    return entry.message;
  }

  /** Drops all messages. */
  clear(): void {
    this.#entries = [];
    this.#head = 0;
    this.#count(-this.#bytes);
    this.#keyed.clear();
  }
}
