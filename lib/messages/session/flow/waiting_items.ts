/**
 * Items to send: what an item waits for (credit, earlier items, room in the send
 * budget, space in the backlog), and what wakes its stream. The caller and the callee
 * share this code.
 *
 * @module
 */
import { NO_FIELDS } from "../wire/fields.ts";
import type { SessionStream, SharedState } from "./shared_state.ts";
import { Kind } from "../wire/frame_header.ts";
import { MAX_CREDIT } from "./credit.ts";

/**
 * Returns whether an item may be sent now. If the item must wait, the observer
 * is notified later.
 */
export function maySendItem(shared: SharedState, call: SessionStream): boolean {
  if (!call.maySend) return false;
  if (maySendNow(shared, call)) return true;
  shared.blocked.add(call);
  return false;
}

/**
 * Returns whether the call may send its next item now. It needs credit, an
 * empty send queue and space in the send budget for items. An item that is
 * known to be large also needs space in the item backlog.
 */
function maySendNow(shared: SharedState, call: SessionStream): boolean {
  const { writer, waitingForSpace } = shared;
  const size = waitingForSpace.get(call);
  return call.credit > 0 && call.sendQueue === undefined &&
    writer.items.hasRoom &&
    (size === undefined || mayQueue(shared, call, size));
}

/**
 * Returns whether an encoded item may be queued until it has credit. It must
 * fit into the item backlog, except that one item at a time, of any size, may
 * exceed the backlog. In both cases, the stream that has waited longest goes
 * first; otherwise some streams would starve.
 */
function mayQueue(
  shared: SharedState,
  call: SessionStream,
  length: number,
): boolean {
  if (fitsBacklog(shared, length)) {
    const next = firstWaiting(shared, (size) => fitsBacklog(shared, size));
    return (next ?? call) === call;
  }
  if (shared.overLimit?.sendQueue !== undefined) return false;
  return (firstWaiting(shared, () => true) ?? call) === call;
}

function fitsBacklog({ writer, limits }: SharedState, length: number): boolean {
  return writer.itemBacklog + length <= limits.maxAssembly;
}

/** Returns the first waiting stream with credit and an acceptable item size. */
function firstWaiting(
  { waitingForSpace }: SharedState,
  accepts: (size: number) => boolean,
): SessionStream | undefined {
  for (const [call, size] of waitingForSpace) {
    if (!call.maySend) waitingForSpace.delete(call);
    else if (call.credit > 0 && accepts(size)) return call;
  }
  return undefined;
}

/**
 * Sends an item. Call this only after {@linkcode maySendItem} has returned
 * `true`. An item that does not fit into a frame is encoded and queued until it
 * has credit, which the peer may never grant. The backlog of these items is
 * therefore limited (`maxAssembly`); beyond the limit, an item is not accepted,
 * and its producer keeps the value.
 *
 * @returns whether the item was accepted; if not, the observer is notified later
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept an item of that
 * length
 */
export function sendItem(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
): boolean {
  const sent = encodeItem(shared, call, value);
  if (sent !== undefined && !mayQueue(shared, call, sent.length)) {
    shared.waitingForSpace.set(call, sent.length);
    shared.blocked.add(call);
    return false;
  }
  shared.waitingForSpace.delete(call);
  if (sent === undefined) return true;
  if (!fitsBacklog(shared, sent.length)) shared.overLimit = call;
  else if (shared.overLimit === call) shared.overLimit = undefined; // its earlier item has been sent
  shared.writer.queue(call, Kind.ITEM, sent);
  return true;
}

/** Sends an item that fits into a frame; returns any other item encoded. */
function encodeItem(
  shared: SharedState,
  call: SessionStream,
  value: unknown,
): Uint8Array | undefined {
  const { writer } = shared;
  const head = writer.beginMessage(Kind.ITEM, call.id, NO_FIELDS);
  const at = writer.putFields(head, Infinity, NO_FIELDS);
  try {
    const sent = writer.message(at, value, call.sendQueue !== undefined);
    if (typeof sent !== "number") return sent;
    call.credit -= sent;
    writer.items.add(sent);
    return undefined;
  } catch (error) {
    if (shared.waitingForSpace.delete(call)) wakeBlocked(shared);
    throw error;
  }
}

/** Processes a CREDIT frame for a call. */
export function receiveCredit(
  shared: SharedState,
  call: SessionStream,
  amount: number,
): void {
  // Credit has no effect on a call without items to send.
  if (!call.maySend && !call.sendQueue?.holdsItems) return;
  if (call.credit + amount > MAX_CREDIT) {
    return shared.fail(
      "flow-control",
      `call ${call.id} was granted ${amount}: its credit would exceed ${MAX_CREDIT}`,
    );
  }
  call.credit += amount;
  if (call.credit <= 0) return;
  if (call.sendQueue !== undefined) shared.writer.resume(call.sendQueue);
  wake(shared, call);
}

function wake(shared: SharedState, call: SessionStream): void {
  if (!shared.blocked.delete(call)) return;
  if (!call.maySend || maySendItem(shared, call)) call.observer.onSendable();
}

/** Wakes blocked streams that may send again. Called after writes and drops. */
export function wakeBlocked(shared: SharedState): void {
  if (shared.blocked.size === 0) return;
  for (const call of shared.blocked) {
    if (!shared.writer.items.hasRoom) return;
    if (maySendNow(shared, call)) wake(shared, call);
  }
}

/** Discards a call's queued messages; wakes streams waiting for the space. */
export function dropQueued(shared: SharedState, call: SessionStream): void {
  if (shared.overLimit === call) shared.overLimit = undefined;
  const wasWaiting = shared.waitingForSpace.delete(call);
  if (call.sendQueue === undefined && !wasWaiting) return;
  shared.writer.drop(call);
  wakeBlocked(shared);
}
