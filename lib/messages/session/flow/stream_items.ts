/**
 * Sends and receives items, in the same way for caller and callee.
 *
 * @module
 */
import { Reassembly, type ReassemblyFault } from "./reassembly.ts";
import { fieldsEnd, NO_FIELDS } from "../wire/fields.ts";
import type { ReceiveWindow } from "./receive_window.ts";
import type { SessionStream, SharedState } from "./shared_state.ts";
import { messageOf } from "../wire/malformed_error.ts";
import {
  Flag,
  FRAME_CHARGE,
  getU32,
  HEADER,
  Kind,
  putU32,
} from "../wire/frame_header.ts";

/** Highest credit that a sender may have (PROTOCOL.md, "Credit"). */
export const MAX_CREDIT: number = 2 ** 31 - 1;

/** Error messages of an item that exceeds a bound of reassembly. */
const FAULTS: Readonly<Record<ReassemblyFault, string>> = {
  "too-large": "an item exceeds the limit maxMessage",
  "too-many": "an item has more frames than the limit maxFragments",
  "over-budget": "unfinished messages exceed the limit maxAssembly",
};

/** Processes an ITEM frame. */
export function receiveItem(
  shared: SharedState,
  call: SessionStream,
  frame: Uint8Array,
): void {
  const receiveWindow = call.receiveWindow;
  if (call.over || receiveWindow?.discarding) {
    shared.stats.lateFrames++;
    return;
  }
  if (receiveWindow === undefined || receiveWindow.ended) {
    return call.fail("malformed", "items are not allowed here");
  }
  const charge = frame.length - HEADER + FRAME_CHARGE;
  if (!receiveWindow.charge(charge)) {
    return shared.fail(
      "flow-control",
      `call ${call.id} sent an item without credit for it`,
    );
  }
  const more = (frame[1]! & Flag.MORE) !== 0; // in range: frames have a header
  const body = frame.subarray(HEADER);
  if (more || receiveWindow.partial !== undefined) {
    receivePart(shared, call, receiveWindow, { body, charge, more });
  } else deliver(shared, call, receiveWindow, { body, charge, owned: false });
}

function receivePart(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
  part: { body: Uint8Array; charge: number; more: boolean },
): void {
  const reassembly = receiveWindow.partial ??= newPartial(shared, call);
  const fault = reassembly.add(part.body);
  if (fault !== undefined) return failReassembly(call, fault);
  reassembly.owed += part.charge;
  if (part.more) return grantForParts(shared, call, receiveWindow);
  shared.timerWheel.remove(reassembly);
  receiveWindow.partial = undefined;
  const charge = reassembly.owed;
  const whole = reassembly.finish();
  releaseTurn(shared, receiveWindow);
  deliver(shared, call, receiveWindow, { body: whole, charge, owned: true });
}

function newPartial(shared: SharedState, call: SessionStream): Reassembly {
  const { assemblyTimeout } = shared.limits;
  return new Reassembly(shared.reassemblyBudget, shared.limits, () =>
    call.fail(
      "malformed",
      `an item was not complete after ${assemblyTimeout} ms`,
    ));
}

/** Fails a call. Only the shared budget can be exceeded without a fault of the sender. */
function failReassembly(call: SessionStream, fault: ReassemblyFault): void {
  call.fail(
    fault === "over-budget" ? "overloaded" : "malformed",
    FAULTS[fault],
  );
}

/**
 * Grants credit for parts of an item that the application awaits.
 * Without it, an item larger than the window could never arrive. The assembly
 * timeout runs only while credit is granted, because only then is a delay the
 * peer's fault; it stops while the item waits for its turn.
 */
function grantForParts(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
): void {
  const reassembly = receiveWindow.partial;
  if (!receiveWindow.readPending || reassembly === undefined) return;
  if (!shared.reassemblyTurns.mayContinue(receiveWindow, call)) {
    return shared.timerWheel.remove(reassembly);
  }
  // The stream's window no longer bounds parts whose credit has been returned.
  const fault = reassembly.claim();
  if (fault !== undefined) return failReassembly(call, fault);
  receiveWindow.release(reassembly.owed);
  reassembly.owed = 0;
  if (reassembly.slot < 0) {
    shared.timerWheel.add(
      reassembly,
      shared.now + shared.limits.assemblyTimeout,
    );
  }
  grant(shared, call, receiveWindow);
}

/** Ends a stream's turn, so that another stream's large item may continue. */
function releaseTurn(shared: SharedState, receiveWindow: ReceiveWindow): void {
  shared.reassemblyTurns.done(
    receiveWindow,
    (next, call) => grantForParts(shared, call, next),
  );
}

function deliver(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
  item: { body: Uint8Array; charge: number; owned: boolean },
): void {
  let start: number;
  try {
    start = fieldsEnd(item.body, 0);
  } catch (error) {
    return call.fail(
      "malformed",
      `an item is malformed: ${messageOf(error)}`,
    );
  }
  const body = item.body.subarray(start);
  if (!receiveWindow.readPending) {
    return receiveWindow.put(item.owned ? body : body.slice(), item.charge);
  }
  receiveWindow.readPending = false;
  receiveWindow.release(item.charge);
  grant(shared, call, receiveWindow);
  call.observer.onItem(body);
}

/**
 * Takes the next received item.
 *
 * @returns its body, or `undefined`: the observer then receives the next item
 */
export function takeItem(
  shared: SharedState,
  call: SessionStream,
): Uint8Array | undefined {
  const receiveWindow = call.receiveWindow;
  if (receiveWindow === undefined) return undefined;
  shared.writer.checkNotEncoding(); // the grant could not be sent, and the item would be lost
  const body = receiveWindow.take();
  if (body !== undefined) {
    grant(shared, call, receiveWindow);
    return body;
  }
  receiveWindow.readPending = !receiveWindow.ended && !receiveWindow.discarding;
  grantForParts(shared, call, receiveWindow);
  return undefined;
}

function grant(
  shared: SharedState,
  call: SessionStream,
  receiveWindow: ReceiveWindow,
): void {
  if (receiveWindow.ended || receiveWindow.discarding) return;
  const amount = receiveWindow.grant();
  if (amount > 0) writeU32(shared, Kind.CREDIT, call.id, amount);
}

/** Writes a frame whose body is a u32. */
export function writeU32(
  shared: SharedState,
  kind: number,
  id: number,
  value: number,
): void {
  const { writer } = shared;
  const at = writer.begin(kind, 0, id, 4);
  putU32(writer.buffer, at, value);
  writer.commit(at + 4);
}

/** Ends the receiving half: no more items arrive, or none are wanted. */
export function endItems(
  shared: SharedState,
  receiveWindow: ReceiveWindow | undefined,
): void {
  if (receiveWindow === undefined || receiveWindow.ended) return;
  receiveWindow.ended = true;
  close(shared, receiveWindow);
}

/** Drops queued items and all that still arrive; no more credit is granted. */
export function discardItems(
  shared: SharedState,
  receiveWindow: ReceiveWindow | undefined,
): void {
  if (receiveWindow === undefined) return;
  receiveWindow.discarding = true;
  close(shared, receiveWindow);
  receiveWindow.clear();
}

function close(shared: SharedState, receiveWindow: ReceiveWindow): void {
  receiveWindow.readPending = false;
  if (receiveWindow.partial !== undefined) {
    shared.timerWheel.remove(receiveWindow.partial);
  }
  receiveWindow.close();
  releaseTurn(shared, receiveWindow);
}

/** Returns whether an item may be sent now; if not, the observer is notified later. */
export function maySendItem(shared: SharedState, call: SessionStream): boolean {
  if (!call.maySend) return false;
  if (maySendNow(shared, call)) return true;
  shared.blocked.add(call);
  return false;
}

/**
 * Returns whether the call may send its next item now. It needs credit, an empty
 * send queue and room in the send budget of items, and for an item that is known
 * to be large, space in the item backlog.
 */
function maySendNow(shared: SharedState, call: SessionStream): boolean {
  const { writer, waitingForSpace } = shared;
  const size = waitingForSpace.get(call);
  return call.credit > 0 && call.sendQueue === undefined &&
    writer.items.hasRoom &&
    (size === undefined || mayQueue(shared, call, size));
}

/**
 * Returns whether an encoded item may be queued until it has credit. It must fit
 * into the item backlog, except that one item at a time may exceed it, whatever
 * its size. In both cases the stream that has waited longest goes first;
 * otherwise some streams would starve.
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
 * Sends an item, after {@linkcode maySendItem} has returned true. An item that
 * does not fit into a frame is encoded and queued until it has credit, which the
 * peer may never grant. So the backlog of these items is bounded (`maxAssembly`);
 * beyond the bound an item is not accepted, and its producer keeps the value.
 *
 * @returns whether the item was accepted; if not, the observer is notified later
 * @throws {CodecError} if the value cannot be encoded
 * @throws {CallError} `too-large` if the peer does not accept so long an item
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
  // Credit has no effect on a call that has no items to send.
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

/** Returns the amount of a CREDIT or WINDOW frame; 0 if it is malformed. */
export function creditOf(frame: Uint8Array): number {
  return frame.length === HEADER + 4 ? getU32(frame, HEADER) : 0;
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

/** Discards a call's queued messages; wakes streams that waited for the space. */
export function dropQueued(shared: SharedState, call: SessionStream): void {
  if (shared.overLimit === call) shared.overLimit = undefined;
  const wasWaiting = shared.waitingForSpace.delete(call);
  if (call.sendQueue === undefined && !wasWaiting) return;
  shared.writer.drop(call);
  wakeBlocked(shared);
}
