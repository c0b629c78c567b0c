/**
 * What waits for a subscriber that is slower than the publisher, and what is
 * given up when it is too much. Pure.
 *
 * @module
 */

/** What to do when the queue of a slow subscriber is full. */
export type SlowPolicy = "drop-oldest" | "drop-newest" | "disconnect";

/** All there are. */
export const SLOW_POLICIES: readonly SlowPolicy[] = [
  "drop-oldest",
  "drop-newest",
  "disconnect",
];

/** What became of a message that had to wait. */
export type QueueOutcome = "queued" | "conflated" | "dropped" | "disconnect";

interface Entry<Message> {
  readonly key: unknown;
  message: Message;
}

/** Messages in order, as many as the limit allows. */
export class SubscriberQueue<Message> {
  #entries: Entry<Message>[] = [];
  #limit: number;
  #policy: SlowPolicy;

  /**
   * @param limit messages that may wait, 1 at least
   * @param policy what gives way beyond it
   */
  constructor(limit: number, policy: SlowPolicy) {
    this.#limit = limit;
    this.#policy = policy;
  }

  /** Messages that wait. */
  get length(): number {
    return this.#entries.length;
  }

  /**
   * Changes the rules for what waits and what comes. Nobody is too slow by it:
   * for that one more message has to come.
   *
   * @returns how many that wait were given up
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
   * Adds a message. One with a key takes the place of the one that waits under
   * the same key: only the latest state is worth sending.
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

  /** The message that has waited longest. */
  take(): Message | undefined {
    return this.#entries.shift()?.message;
  }

  /** Drops all. */
  clear(): void {
    this.#entries = [];
  }
}
