/**
 * Items to send. An item is sent at once if its call has credit and nothing
 * waits before it. Otherwise it joins the call's send queue, and is encoded when
 * its turn comes. The caller and the callee share this code.
 *
 * @module
 */
import type { SessionStream, SharedState } from "./shared_state.ts";
import { type ItemSender, SendQueue } from "./send_queue.ts";
import { Kind } from "../wire/frame_header.ts";
import { MAX_CREDIT } from "./credit.ts";
import { type ItemHead, itemReserve, writeItem } from "./item_frame.ts";

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
    writer.add(put(shared, call, { kind: Kind.ITEM, value, sender, head }));
    return "queued";
  }
  const sent = writeItem(shared, call, value, head);
  if (typeof sent !== "number") {
    queueMessage(shared, call, { kind: Kind.ITEM, bytes: sent, sender });
  }
  return call.sendQueue === undefined ? "accepted" : "queued";
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
  /** Whether the bytes are freed once they are sent. */
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
