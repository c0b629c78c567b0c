/**
 * Messages of one call that wait: items for credit, a long one for its turns,
 * and whatever comes behind them, in order.
 *
 * @module
 */
import type { Pending, Source } from "./round_robin.ts";
import { Kind } from "../wire/frame_header.ts";

/** Whose messages leave in order: a call. */
export interface Channel {
  /** Id of its frames. */
  id: number;
  /** Credit left for ITEM frames. */
  credit: number;
  /** Messages that wait; `undefined` while none does. */
  sendQueue: SendQueue | undefined;
  /** The last message that waited has been sent. */
  onFlushed(): void;
}

/** What sends the frames. */
export interface FragmentWriter {
  /** Sends the next frame of a message and says what it cost. */
  fragment(message: Pending, id: number): number;
  /** Bytes of answers that have been encoded and wait for their turn. */
  backlog: number;
  /** Bytes of items that have been encoded and wait for credit, or their turn. */
  itemBacklog: number;
}

/** Messages of one call that wait. */
export class SendQueue implements Source {
  readonly #writer: FragmentWriter;
  readonly #channel: Channel;
  #messages: Pending[] = [];

  /**
   * @param writer what sends the frames
   * @param channel whose messages they are
   */
  constructor(writer: FragmentWriter, channel: Channel) {
    this.#writer = writer;
    this.#channel = channel;
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#messages.length > 0;
  }

  /** Whether items wait, which need credit to leave. */
  get holdsItems(): boolean {
    return this.#messages[0]?.kind === Kind.ITEM;
  }

  /** @inheritdoc */
  get lacksCredit(): boolean {
    return this.holdsItems && this.#channel.credit <= 0;
  }

  /** Puts a message behind the others. */
  put(message: Pending): void {
    this.#messages.push(message);
    if (message.kind === Kind.ITEM) this.#countItem(message, 1);
    if (this.#messages.length === 1) this.#countAnswer(message, 1);
  }

  /** @inheritdoc */
  sendNext(): boolean {
    const message = this.#messages[0];
    const channel = this.#channel;
    if (message === undefined) return false; // it was dropped during its turn
    const item = message.kind === Kind.ITEM;
    if (item && channel.credit <= 0) return false;
    if (item) this.#countItem(message, -1);
    else this.#countAnswer(message, -1);
    const cost = this.#writer.fragment(message, channel.id);
    if (item) {
      channel.credit -= cost;
      this.#countItem(message, 1);
    }
    if (message.offset === message.bytes.length) this.#messages.shift();
    const next = this.#messages[0];
    if (next !== undefined) this.#countAnswer(next, 1);
    else {
      channel.sendQueue = undefined;
      channel.onFlushed();
    }
    return true;
  }

  /** Forgets what waits. */
  clear(): void {
    const first = this.#messages[0];
    if (first !== undefined) this.#countAnswer(first, -1);
    for (const message of this.#messages) {
      if (message.kind === Kind.ITEM) this.#countItem(message, -1);
    }
    this.#messages = [];
  }

  /** An answer that is next waits for room alone, and is counted; what waits for credit must not hold up others. */
  #countAnswer({ kind, bytes, offset }: Pending, sign: 1 | -1): void {
    if (kind !== Kind.RESULT && kind !== Kind.ERROR) return;
    this.#writer.backlog += sign * (bytes.length - offset);
  }

  #countItem({ bytes, offset }: Pending, sign: 1 | -1): void {
    this.#writer.itemBacklog += sign * (bytes.length - offset);
  }
}
