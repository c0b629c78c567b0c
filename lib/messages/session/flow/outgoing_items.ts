/**
 * Items to send. An item is sent at once if its call has credit and nothing
 * waits before it. Otherwise it joins the call's send queue. The caller and the
 * callee share this code.
 *
 * Items that wait count as held memory, so their sizes must be known. Binary data
 * and strings show theirs, and are encoded when their turn comes. Other values are
 * encoded at once, unless the call has not begun: its codec may be unknown then.
 *
 * @module
 */
import type { SessionStream, SharedState } from "./shared_state.ts";
import { isMeasured, type ItemSender, SendQueue } from "./send_queue.ts";
import { Kind } from "../wire/frame_header.ts";
import { MAX_CREDIT } from "./credit.ts";
import {
  encodeItem,
  type ItemHead,
  itemReserve,
  writeItem,
} from "./item_frame.ts";
import { NO_FIELDS } from "../wire/fields.ts";

/**
 * The outcome of sending an item:
 *
 * - `accepted`: it was sent.
 * - `queued`: it waits for its turn; its sender is notified later. A call holds
 *   no other item meanwhile.
 * - `refused`: the call sends no more items.
 */
export type SendOutcome = "accepted" | "queued" | "refused";

/**
 * Sends or queues an item. Send the next one only after the sender was notified.
 *
 * @param sender is notified later if the item was queued
 * @param head the fields of the item, if it has any
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept an item of that
 * length
 */
export function sendItem(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
  sender: ItemSender,
  head?: ItemHead,
): SendOutcome {
  const { writer } = shared;
  writer.checkNotEncoding();
  if (!call.maySendItems) return "refused";
  if (!maySendNow(shared, call)) {
    writer.add(put(shared, call, waiting(shared, call, value, sender, head)));
    return "queued";
  }
  const sent = writeItem(shared, call, value, head);
  if (typeof sent !== "number") {
    const kind = Kind.ITEM;
    queueMessage(shared, call, { kind, bytes: sent, owned: true, sender });
  }
  return call.sendQueue === undefined ? "accepted" : "queued";
}

/** Returns the message of an item that must wait. */
function waiting(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
  sender: ItemSender,
  head: ItemHead | undefined,
): NewMessage {
  const kind = Kind.ITEM;
  const isLater = !call.started || head?.hasValue === false ||
    isMeasured(value);
  if (isLater) return { kind, value, sender, head };
  const fields = head?.fields ?? NO_FIELDS;
  const bytes = encodeItem(shared, call, value, fields, true);
  if (typeof bytes === "number") {
    throw new TypeError("an item that waits was sent");
  }
  return { kind, bytes, owned: true, sender };
}

function maySendNow(shared: SharedState, call: SessionStream): boolean {
  return call.started && call.sendQueue === undefined &&
    call.itemCredit !== undefined && call.itemCredit.available > 0 &&
    shared.itemCredit.available > itemReserve(shared) &&
    shared.writer.bulk.hasRoom;
}

/** A message to queue: encoded, without a body, or an item's value. */
export interface NewMessage {
  readonly kind: number;
  readonly bytes?: Uint8Array;
  /** Whether the bytes are freed once they are sent or dropped. */
  readonly owned?: boolean;
  readonly value?: unknown;
  readonly sender?: ItemSender;
  readonly head?: ItemHead | undefined;
}

/** Queues a message of a call, and sends as much as possible. */
export function queueMessage(
  shared: SharedState,
  call: SessionStream,
  message: NewMessage,
): void {
  shared.writer.resume(put(shared, call, message));
}

function put(
  shared: SharedState,
  call: SessionStream,
  message: NewMessage,
): SendQueue {
  const queue = call.sendQueue ??= new SendQueue(shared, call);
  queue.put({ bytes: undefined, ...message, offset: 0 });
  return queue;
}

/** Processes a CREDIT frame for a call. */
export function receiveCredit(
  shared: SharedState,
  call: SessionStream,
  total: number,
): void {
  const { itemCredit, sendQueue } = call;
  const ended = !call.maySendItems && sendQueue === undefined;
  if (itemCredit === undefined || ended) return; // no items are left to send
  if (!itemCredit.raise(total)) {
    return shared.fail(
      "flow-control",
      `call ${call.id} was granted ${total} bytes in total: its credit would exceed ${MAX_CREDIT}`,
    );
  }
  if (sendQueue !== undefined) shared.writer.resume(sendQueue);
}

/** Drops the messages that a call has queued. */
export function dropQueued(shared: SharedState, call: SessionStream): void {
  const { sendQueue } = call;
  if (sendQueue === undefined) return;
  call.sendQueue = undefined;
  shared.writer.remove(sendQueue);
  shared.itemCredit.forget(sendQueue);
  shared.requestCredit.forget(sendQueue);
  shared.unfinished.forget(sendQueue);
  sendQueue.clear();
}
