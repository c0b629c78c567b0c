/**
 * The queued messages of one call, in order: the rest of its REQUEST, items, END,
 * and its RESULT or ERROR. A message that can be sent at once while the queue is
 * empty never enters it.
 *
 * @module
 */
import { freeBuffer } from "../../../support/free_buffer.ts";
import {
  dropFragments,
  fitsFrame,
  type Fragments,
  sendFragment,
} from "./fragment.ts";
import {
  chargeItem,
  type ItemChannel,
  type ItemHead,
  itemReserve,
  writeItem,
} from "./item_frame.ts";
import { ITEM_COPIES, MESSAGE_COST, type SendState } from "./send_state.ts";
import { ringOf, type Source } from "./send_scheduler.ts";
import { FRAME_CHARGE, Kind } from "../wire/frame_header.ts";

/** The sending half of a call. */
export interface Channel extends ItemChannel {
  /** Queued messages; `undefined` if there are none. */
  sendQueue: SendQueue | undefined;
  /** Whether the call has an id, because its REQUEST was started. */
  readonly started: boolean;
  /** Whether this side has made the call. */
  readonly isOwn: boolean;
  /**
   * Time before which the queued messages must not be sent. It is set for a
   * caller that cancels calls faster than this side allows.
   */
  readonly heldUntil: number;
  /** Called when the last frame of a queued message has been sent. */
  onMessageSent(kind: number): void;
}

/** Receiver of the outcome of an item that was queued. */
export interface ItemSender {
  /** Called when the last frame of the item has been sent. */
  onAccepted(): void;
  /** Called when the item cannot be encoded. */
  onRejected(error: unknown): void;
  /** Called when the call sends no more items. */
  onDropped(): void;
}

/** A message, or the rest of one, that waits to be sent. */
export interface QueuedMessage extends Fragments {
  /**
   * The encoded message; `undefined` for END, and for an item that is encoded
   * at its turn.
   */
  bytes: Uint8Array | undefined;
  /** Whether the bytes are freed once they are sent or dropped. */
  owned?: boolean | undefined;
  /** The value of an item that is not encoded yet. */
  value?: unknown;
  /** Fields of that item. */
  head?: ItemHead | undefined;
  /** Receiver of an item's outcome. */
  sender?: ItemSender | undefined;
  /** Bytes that it adds to the queued ones. */
  cost?: number;
}

/** The queued messages of one call. */
export class SendQueue implements Source {
  readonly #shared: SendState;
  readonly #channel: Channel;
  #messages: QueuedMessage[] = [];

  /**
   * @param shared state that the session's parts share
   * @param channel the call that sends the messages
   */
  constructor(shared: SendState, channel: Channel) {
    this.#shared = shared;
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

  /** Number of encoded bytes that have not been sent. */
  get bytes(): number {
    return this.#messages.reduce(
      (sum, { bytes, offset }) => sum + (bytes?.length ?? 0) - offset,
      0,
    );
  }

  /** @inheritdoc */
  get nextSize(): number {
    return this.#messages[0]?.bytes?.length ?? 0;
  }

  /** @inheritdoc */
  mustWait(): boolean {
    const { started, itemCredit, heldUntil } = this.#channel;
    const shared = this.#shared;
    const message = this.#messages[0];
    if (message === undefined || !started || shared.now < heldUntil) {
      return true;
    }
    const { kind, bytes, offset } = message;
    if (kind === Kind.ITEM) {
      // CREDIT adds the queue to the scheduler again.
      return itemCredit === undefined || itemCredit.available <= 0 ||
        shared.itemCredit.mustWait(this, offset > 0 ? 0 : itemReserve(shared));
    }
    if (kind === Kind.REQUEST) return shared.requestCredit.mustWait(this);
    return offset === 0 && bytes !== undefined && !fitsFrame(shared, bytes) &&
      shared.unfinished.mustWait(this, bytes.length);
  }

  /** Puts a REQUEST before items that were queued earlier. */
  putFirst(message: QueuedMessage): void {
    this.#messages.unshift(message);
    this.#count(message, 1);
  }

  /** Appends a message. */
  put(message: QueuedMessage): void {
    this.#messages.push(message);
    this.#count(message, 1);
  }

  /** Adds a message to the queued bytes, or removes it. */
  #count(message: QueuedMessage, sign: 1 | -1): void {
    const { kind, bytes } = message;
    const { queued } = this.#shared;
    if (sign > 0) {
      message.cost = MESSAGE_COST + (
        kind === Kind.ITEM
          ? ITEM_COPIES * (bytes?.length ?? this.#sizeOf(message))
          : bytes?.length ?? 0
      );
    }
    const cost = sign * (message.cost ?? 0);
    if (kind === Kind.ITEM && this.#channel.isOwn) queued.ownItems += cost;
    else if (kind === Kind.ITEM) queued.items += cost;
    else if (kind === Kind.REQUEST) queued.requests += cost;
    else queued.responses[ringOf(bytes?.length ?? 0)]! += cost; // in range: a ring
  }

  /** Returns the expected bytes of an item that is not encoded yet. */
  #sizeOf({ value }: QueuedMessage): number {
    return Math.max(this.#channel.itemSize, measure(value));
  }

  /** @inheritdoc */
  sendNext(): number {
    const message = this.#messages[0];
    if (message === undefined) return 0; // the queue was cleared during its turn
    if (message.bytes !== undefined) {
      return this.#sendFrame(message, message.bytes);
    }
    return message.kind === Kind.ITEM
      ? this.#sendItem(message)
      : this.#sendEmpty(message);
  }

  /** Encodes an item at its turn, and sends its first frame. */
  #sendItem(message: QueuedMessage): number {
    const { head, sender, value } = message;
    let sent: number | Uint8Array;
    try {
      sent = writeItem(this.#shared, this.#channel, value, head);
    } catch (error) {
      this.#shift();
      sender?.onRejected(error);
      return 0;
    }
    message.value = undefined;
    if (typeof sent === "number") return this.#finish(message, sent);
    this.#count(message, -1);
    message.bytes = sent;
    message.owned = true;
    this.#count(message, 1);
    return this.#sendFrame(message, sent);
  }

  #sendEmpty(message: QueuedMessage): number {
    this.#shared.writer.frame(message.kind, 0, this.#channel.id);
    return this.#finish(message, FRAME_CHARGE);
  }

  #sendFrame(message: QueuedMessage, bytes: Uint8Array): number {
    const shared = this.#shared;
    const channel = this.#channel;
    const charge = sendFragment(shared, message, bytes, channel.id);
    if (message.kind === Kind.ITEM) chargeItem(shared, channel, charge);
    else if (message.kind === Kind.REQUEST) shared.requestCredit.charge(charge);
    if (message.offset < bytes.length) return charge;
    this.#finish(message, charge);
    if (message.owned) freeBuffer(bytes);
    return charge;
  }

  #finish({ kind, sender }: QueuedMessage, charge: number): number {
    this.#shift();
    sender?.onAccepted();
    this.#channel.onMessageSent(kind);
    return charge;
  }

  #shift(): void {
    const message = this.#messages.shift();
    if (message !== undefined) this.#count(message, -1);
    if (!this.hasNext) this.#channel.sendQueue = undefined;
  }

  /** Drops the queued messages. */
  clear(): void {
    const messages = this.#messages;
    this.#messages = [];
    for (const message of messages) {
      const { bytes, owned, sender } = message;
      this.#count(message, -1);
      if (bytes !== undefined) dropFragments(this.#shared, message, bytes);
      if (bytes !== undefined && owned) freeBuffer(bytes);
      sender?.onDropped();
    }
  }
}

/** Whether the size of a value is known before it is encoded. */
export function isMeasured(value: unknown): boolean {
  return typeof value !== "object" || value === null ||
    ArrayBuffer.isView(value);
}

function measure(value: unknown): number {
  if (typeof value === "string") return value.length;
  return ArrayBuffer.isView(value) ? value.byteLength : 0;
}
