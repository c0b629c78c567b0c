/**
 * Queue of messages for a subscriber that is slower than the publisher. The
 * queue performs no I/O.
 *
 * @module
 */

/**
 * Policy for a message to a subscriber whose queue is full.
 *
 * - `"drop-oldest"`: drops the oldest queued message.
 * - `"drop-newest"`: drops the new message.
 * - `"disconnect"`: ends the subscriber's session.
 *
 * @category Servers
 */
export type SlowPolicy = "drop-oldest" | "drop-newest" | "disconnect";

/** All policies. */
export const SLOW_POLICIES: readonly SlowPolicy[] = [
  "drop-oldest",
  "drop-newest",
  "disconnect",
];

/** Outcome of adding a message to a queue. */
export type QueueOutcome = "queued" | "conflated" | "dropped" | "disconnect";

interface Entry<Message> {
  readonly key: unknown;
  message: Message;
}

/** Queue of a limited number of messages. */
export class SubscriberQueue<Message> {
  #entries: Entry<Message>[] = [];
  #limit: number;
  #policy: SlowPolicy;

  /**
   * @param limit maximum number of messages, at least 1
   * @param policy policy for a message to a full queue
   */
  constructor(limit: number, policy: SlowPolicy) {
    this.#limit = limit;
    this.#policy = policy;
  }

  /** Number of queued messages. */
  get length(): number {
    return this.#entries.length;
  }

  /**
   * Changes limit and policy, and drops messages beyond the new limit. With
   * `"disconnect"` none are dropped; the next message to the full queue then
   * disconnects the subscriber.
   *
   * @returns the number of dropped messages
   */
  change(limit: number, policy: SlowPolicy): number {
    this.#limit = limit;
    this.#policy = policy;
    const excess = this.#entries.length - limit;
    if (excess <= 0 || policy === "disconnect") return 0;
    this.#entries.splice(policy === "drop-oldest" ? 0 : limit, excess);
    return excess;
  }

  /**
   * Adds a message. A message with a key replaces the queued one with the same
   * key, because only the latest state matters.
   */
  put(message: Message, key: unknown): QueueOutcome {
    if (key !== undefined) {
      const waiting = this.#entries.find((entry) => entry.key === key);
      if (waiting !== undefined) {
        waiting.message = message;
        return "conflated";
      }
    }
    if (this.#entries.length >= this.#limit) {
      if (this.#policy === "disconnect") return "disconnect";
      if (this.#policy === "drop-newest") return "dropped";
      this.#entries.shift();
      this.#entries.push({ key, message });
      return "dropped";
    }
    this.#entries.push({ key, message });
    return "queued";
  }

  /** Removes and returns the oldest message. */
  take(): Message | undefined {
    return this.#entries.shift()?.message;
  }

  /** Drops all messages. */
  clear(): void {
    this.#entries = [];
  }
}
