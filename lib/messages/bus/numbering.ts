/**
 * Numbers of the messages of a topic: what a publisher counts, and what a
 * subscriber has received of each publisher. Pure, except that epochs are random.
 *
 * @module
 */

/** Most topics whose numbers a publisher keeps; the oldest one begins again. */
const MAX_TOPICS = 10_000;

/** Most publishers of one topic that a subscriber keeps apart. */
const MAX_ORIGINS = 1_000;

/** A message's place among those of its publisher. */
export interface BusPosition {
  /** The numbering. */
  readonly epoch: number;
  /** Number of the message, from 1. */
  readonly number: number;
}

/** Returns a random epoch of 53 bits. */
export function randomEpoch(): number {
  const [high = 0, low = 0] = crypto.getRandomValues(new Uint32Array(2));
  return (high >>> 11) * 2 ** 32 + low;
}

/** The place of the next message of a topic. */
export interface NextMessage extends BusPosition {
  /** Subject of the topic. */
  readonly subject: string;
}

/** Numbers of the messages that a publisher has published, by topic. */
export class PublishedNumbers {
  readonly #last: Map<string | undefined, NextMessage> = new Map();
  readonly #subjectOf: (topic: string | undefined) => string;

  /** @param subjectOf returns the subject of a topic */
  constructor(subjectOf: (topic: string | undefined) => string) {
    this.#subjectOf = subjectOf;
  }

  /** Returns the place of the next message of a topic. */
  next(topic: string | undefined): NextMessage {
    const last = this.#last.get(topic);
    const next = last === undefined
      ? { subject: this.#subjectOf(topic), epoch: randomEpoch(), number: 1 }
      : { ...last, number: last.number + 1 };
    this.#last.delete(topic); // so that it becomes the newest
    this.#last.set(topic, next);
    if (this.#last.size > MAX_TOPICS) dropFirst(this.#last);
    return next;
  }
}

/** Newest messages that a subscriber has received of each publisher. */
export class ReceivedNumbers {
  readonly #last: Map<string, BusPosition> = new Map();

  /**
   * Notes a message.
   *
   * @returns the number of messages that are missing before it, or `undefined` if
   * it was received before
   */
  receive(
    origin: string,
    { epoch, number }: BusPosition,
  ): number | undefined {
    const last = this.#last.get(origin);
    const same = last?.epoch === epoch;
    if (same && number <= last.number) return undefined;
    this.#last.delete(origin); // so that it becomes the newest
    this.#last.set(origin, { epoch, number });
    if (this.#last.size > MAX_ORIGINS) dropFirst(this.#last);
    if (same) return number - last.number - 1;
    // Earlier messages of an unknown publisher precede the subscription.
    return last === undefined ? 0 : number - 1;
  }
}

function dropFirst(map: Map<string | undefined, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key);
    return;
  }
}
