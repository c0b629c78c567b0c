/**
 * The queued messages of one call, in order: items waiting for credit, long
 * messages waiting for their turn, and all messages queued after them.
 *
 * @module
 */
import type { PendingMessage, Source } from "./round_robin.ts";
import { Kind } from "../wire/frame_header.ts";

/** The sending half of a call; its messages are sent in order. */
export interface Channel {
  /** Id of the call's frames. */
  id: number;
  /** Credit left for ITEM frames. */
  credit: number;
  /** Queued messages; `undefined` if there are none. */
  sendQueue: SendQueue | undefined;
  /** Called when the last queued message has been sent. */
  onFlushed(): void;
}

/** Writer for the frames of queued messages. */
export interface FragmentWriter {
  /** Sends a message's next frame and returns its cost in credit. */
  fragment(message: PendingMessage, id: number): number;
  /** Number of bytes of encoded responses waiting for their turn. */
  backlog: number;
  /** Number of bytes of encoded items waiting for credit or their turn. */
  itemBacklog: number;
}

/** The queued messages of one call. */
export class SendQueue implements Source {
  readonly #writer: FragmentWriter;
  readonly #channel: Channel;
  #messages: PendingMessage[] = [];

  /**
   * @param writer writer of the frames
   * @param channel the call that sends the messages
   */
  constructor(writer: FragmentWriter, channel: Channel) {
    this.#writer = writer;
    this.#channel = channel;
  }

  /** @inheritdoc */
  get hasNext(): boolean {
    return this.#messages.length > 0;
  }

  /** Whether the next message is an item, which needs credit. */
  get holdsItems(): boolean {
    return this.#messages[0]?.kind === Kind.ITEM;
  }

  /** @inheritdoc */
  get lacksCredit(): boolean {
    return this.holdsItems && this.#channel.credit <= 0;
  }

  /** Appends a message. */
  put(message: PendingMessage): void {
    this.#messages.push(message);
    if (message.kind === Kind.ITEM) this.#countItem(message, 1);
    if (this.#messages.length === 1) this.#countResponse(message, 1);
  }

  /** @inheritdoc */
  sendNext(): boolean {
    const message = this.#messages[0];
    const channel = this.#channel;
    if (message === undefined) return false; // the queue was cleared during its turn
    const item = message.kind === Kind.ITEM;
    if (item && channel.credit <= 0) return false;
    if (item) this.#countItem(message, -1);
    else this.#countResponse(message, -1);
    const cost = this.#writer.fragment(message, channel.id);
    if (item) {
      channel.credit -= cost;
      this.#countItem(message, 1);
    }
    if (message.offset === message.bytes.length) this.#messages.shift();
    const next = this.#messages[0];
    if (next !== undefined) this.#countResponse(next, 1);
    else {
      channel.sendQueue = undefined;
      channel.onFlushed();
    }
    return true;
  }

  /** Drops the queued messages. */
  clear(): void {
    const first = this.#messages[0];
    if (first !== undefined) this.#countResponse(first, -1);
    for (const message of this.#messages) {
      if (message.kind === Kind.ITEM) this.#countItem(message, -1);
    }
    this.#messages = [];
  }

  /**
   * Counts a response at the head of the queue. There, it waits only for space.
   * A response that follows items is not counted, because it may wait for credit
   * and must not hold back other responses.
   */
  #countResponse({ kind, bytes, offset }: PendingMessage, sign: 1 | -1): void {
    if (kind !== Kind.RESULT && kind !== Kind.ERROR) return;
    this.#writer.backlog += sign * (bytes.length - offset);
  }

  #countItem({ bytes, offset }: PendingMessage, sign: 1 | -1): void {
    this.#writer.itemBacklog += sign * (bytes.length - offset);
  }
}
